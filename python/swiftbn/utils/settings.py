"""Named values of a program."""

from __future__ import annotations

import difflib
import json


class Config:
    """Named values that are read and set as attributes or as entries of a dict, and can be frozen.

    Args:
        values by name.

    Example:
        >>> config = Config(learning_rate=0.1)
        >>> config.epochs = 3
        >>> config.freeze()
        >>> config["epochs"] + config.learning_rate
        3.1
    """

    def __init__(self, **kwargs):
        # Past __setattr__, which makes entries of attributes.
        self.__dict__.update(_config=dict(kwargs), _frozen=False)

    @property
    def frozen(self) -> bool:
        """Whether values can no longer be changed."""
        return self._frozen

    def freeze(self) -> None:
        """Makes every change of a value an error from now on."""
        self.__dict__["_frozen"] = True

    def unfreeze(self) -> None:
        """Lets values be changed again."""
        self.__dict__["_frozen"] = False

    def _raise_if_frozen(self) -> None:
        if self._frozen:
            raise ValueError("Config: expected no changes, as it is frozen")

    def as_dict(self) -> dict:
        """The values by name, in a dict of their own."""
        return dict(self._config)

    def to_json(self) -> str:
        """The values as JSON."""
        return json.dumps(self._config)

    def keys(self):
        return self._config.keys()

    def values(self):
        return self._config.values()

    def items(self):
        return self._config.items()

    def get(self, keyname, value=None):
        """The value of a name, or another one where there is none."""
        return self._config.get(keyname, value)

    def pop(self, *args):
        """As of a dict."""
        self._raise_if_frozen()
        return self._config.pop(*args)

    def update(self, *args, **kwargs) -> None:
        """As of a dict."""
        self._raise_if_frozen()
        self._config.update(*args, **kwargs)

    def __setattr__(self, name, value):
        if hasattr(type(self), name) or name in self.__dict__:
            raise AttributeError(f"Config: expected another name for a value. Received: {name!r}")
        self[name] = value

    def __getattr__(self, name):
        values = self.__dict__.get("_config", {})
        if name in values:
            return values[name]
        close = difflib.get_close_matches(name, values, n=1, cutoff=0.7)
        raise AttributeError(f"Config has no value {name!r}" + (f"; there is {close[0]!r}" if close else ""))

    def __setitem__(self, key, item):
        self._raise_if_frozen()
        self._config[key] = item

    def __getitem__(self, key):
        return self._config[key]

    def __delitem__(self, key):
        self._raise_if_frozen()
        del self._config[key]

    def __contains__(self, item) -> bool:
        return item in self._config

    def __iter__(self):
        return iter(sorted(self._config))

    def __len__(self) -> int:
        return len(self._config)

    def __repr__(self) -> str:
        return f"<Config {self._config}>"
