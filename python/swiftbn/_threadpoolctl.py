"""Makes threadpoolctl see and limit the library's threads; imported by `config.register_threadpoolctl` only."""

from threadpoolctl import LibController, register

from swiftbn import _native
from swiftbn._version import __version__
from swiftbn.config import get_num_threads, set_num_threads


class SwiftbnController(LibController):
    """Threads of this process's swiftbn; the limit holds for all Python threads, as does `set_num_threads`."""

    user_api = "swiftbn"
    internal_api = "swiftbn"
    filename_prefixes = ("_native_v",)
    check_symbols = ("swiftbn_get_num_threads",)

    def get_num_threads(self) -> int:
        return get_num_threads()

    def set_num_threads(self, num_threads) -> None:
        set_num_threads(int(num_threads))

    def get_version(self) -> str:
        return __version__

    def set_additional_attributes(self) -> None:
        self.isa = _native.config()["isa"]


register(SwiftbnController)
