"""How many threads there are by default, forked processes, several Python threads at once, and idle threads."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import swiftbn

AFFINITY = os.sched_getaffinity(0)


def fresh(code: str, processors=None, **environment):
    """What a new process prints as JSON; `processors` are those that it may use."""
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**inherited, **environment},
        preexec_fn=None if processors is None else lambda: os.sched_setaffinity(0, processors),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def threads(processors=None, **environment) -> int:
    return fresh("import swiftbn; print(swiftbn.get_num_threads())", processors, **environment)


def test_affinity():
    assert threads({min(AFFINITY)}) == 1
    assert 1 <= threads() <= min(len(AFFINITY), 64)


@pytest.mark.parametrize(
    "variables, expected",
    [
        ({"SWIFTBN_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "5,2"}, 5),
        ({"SWIFTBN_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
        ({"SWIFTBN_NUM_THREADS": "", "OMP_NUM_THREADS": "5"}, 5),
        ({"SWIFTBN_NUM_THREADS": "0", "OMP_NUM_THREADS": "two"}, 1),
        ({"SWIFTBN_NUM_THREADS": "1000"}, 64),
    ],
)
def test_environment(variables, expected):
    """Variables win over the affinity; those that say nothing are passed over."""
    assert threads({min(AFFINITY)}, **variables) == expected


WORK = """
    import json, os, sys, threading, time
    import numpy as np
    import swiftbn
    from swiftbn import ops

    swiftbn.set_num_threads(4)
    x = np.random.default_rng(1).normal(size=(300, 400)).astype("float32")

    def work():
        # A product, a sum in one order whatever the threads, a sort with scratch memory.
        return float(ops.sum(ops.sort(ops.matmul(x, ops.transpose(x)), axis=-1)[:, :7]))

    expected = work()
"""


def run(code: str):
    return fresh(textwrap.dedent(WORK) + textwrap.dedent(code))


def test_fork():
    """The child computes, starts threads of its own, forks again; the parent goes on."""
    found = run(
        """
        def child(depth):
            pid = os.fork()
            if pid == 0:
                good = work() == expected and len(os.listdir("/proc/self/task")) == 4
                os._exit(0 if good and (depth == 0 or child(depth - 1) == 0) else 1)
            return os.waitpid(pid, 0)[1]

        print(json.dumps([child(2) for _ in range(20)] + [work() == expected]))
        """
    )
    assert found == [0] * 20 + [True]


def test_fork_while_other_threads_compute():
    found = run(
        """
        done = threading.Event()

        def busy():
            while not done.is_set():
                work()

        others = [threading.Thread(target=busy) for _ in range(2)]
        for thread in others:
            thread.start()
        codes = []
        for _ in range(10):
            pid = os.fork()
            if pid == 0:
                # The others may have been inside of this program.
                os._exit(0 if work() == expected else 1)
            codes.append(os.waitpid(pid, 0)[1])
        done.set()
        for thread in others:
            thread.join()
        print(json.dumps(codes + [work() == expected]))
        """
    )
    assert found == [0] * 10 + [True]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            f"""
            import json, multiprocessing
            import numpy as np
            from swiftbn import layers, ops, Sequential, Input

            def double(k):
                x = np.full((200, 300), k, "float32")
                return float(ops.sum(ops.matmul(x, ops.ones((300, 2)))))

            if __name__ == "__main__":
                model = Sequential([Input((300,)), layers.Dense(40), layers.BatchNormalization()])
                model.predict(np.ones((64, 300), "float32"), verbose=0)
                before = double(1)
                with multiprocessing.get_context({method!r}).Pool(2) as pool:
                    print(json.dumps([before, *pool.map(double, [1, 2, 3])]))
            """
        )
    )
    found = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stderr
    one = 200 * 2 * 300.0
    assert json.loads(found.stdout) == [one, one, 2 * one, 3 * one]


def test_several_python_threads():
    found = run(
        """
        results = []

        def many():
            for _ in range(20):
                results.append(work())

        others = [threading.Thread(target=many) for _ in range(6)]
        for thread in others:
            thread.start()
        for thread in others:
            thread.join()
        print(json.dumps([len(results), len(set(results)), results[0] == expected]))
        """
    )
    assert found == [120, 1, True]


def test_several_python_threads_share_a_model():
    model = swiftbn.Sequential([swiftbn.Input((20,)), swiftbn.layers.Dense(30), swiftbn.layers.BatchNormalization()])
    x = np.random.default_rng(2).normal(size=(256, 20)).astype("float32")
    expected = model.predict(x, verbose=0)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: model.predict(x, verbose=0), range(12)))
    assert all(np.array_equal(y, expected) for y in found)


def test_idle_threads_sleep():
    """Processor time, not time that passes: spinning threads would take all of it, four times over."""
    used = run(
        """
        time.sleep(0.2)
        begin = time.process_time()
        time.sleep(1)
        print(json.dumps(time.process_time() - begin))
        """
    )
    assert used < 0.2


def test_brief_work_leaves_sleeping_threads_asleep():
    """Waking them takes longer than the work; what is longer wakes them."""
    brief, long = fresh(
        """
        import json, os, threading, time
        import numpy as np
        import swiftbn

        def awakenings():
            sleeps = 0
            for task in os.listdir("/proc/self/task"):
                if int(task) != threading.get_native_id():
                    with open(f"/proc/self/task/{task}/status") as status:
                        sleeps += sum(int(line.split()[1]) for line in status if line.startswith("voluntary"))
            return sleeps

        def count(*shape):
            convolve = swiftbn.jit(swiftbn.ops.conv)
            x, kernel = np.ones(shape, "float32"), np.ones((3, 3, 16, 32), "float32")
            for _ in range(5):
                convolve(x, kernel)
            time.sleep(0.1)
            before = awakenings()
            for _ in range(40):
                convolve(x, kernel)
                time.sleep(0.001)
            return awakenings() - before

        print(json.dumps([count(1, 10, 10, 16), count(60, 62, 62, 16)]))
        """,
        SWIFTBN_NUM_THREADS="2",
    )
    assert brief < 20 < long


def test_python_ends_while_threads_compute():
    """Daemon threads are stopped inside of native calls."""
    assert run(
        """
        def busy():
            while True:
                work()

        for _ in range(3):
            threading.Thread(target=busy, daemon=True).start()
        time.sleep(0.2)
        print(json.dumps(True))
        """
    )


def test_scratch_memory_that_runs_out_is_an_error():
    found = run(
        """
        import resource

        # Vectors are sorted in scratch memory: 128 MB for these.
        values = np.random.default_rng(3).normal(size=4_000_000).astype("float32")
        small = ops.argsort(values[:1000])
        with open("/proc/self/statm") as file:
            present = int(file.read().split()[0]) * resource.getpagesize()
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (present + (100 << 20), before[1]))
        errors = []
        for _ in range(2):
            try:
                ops.argsort(values)
            except MemoryError as error:
                errors.append(str(error))
        # What fits goes on, and so does all when there is memory again.
        errors.append(bool(np.array_equal(ops.argsort(values[:1000]), small) and work() == expected))
        resource.setrlimit(resource.RLIMIT_AS, before)
        errors.append(bool(np.array_equal(values[ops.argsort(values)], np.sort(values))))
        print(json.dumps(errors))
        """
    )
    assert found[2:] == [True, True]
    assert len(found) == 4 and all("bytes of scratch memory" in text for text in found[:2])


LIMITS = """
    import json, sys
    import {first}, {second}
    {register}
    import swiftbn, threadpoolctl

    def info():
        return [x for x in threadpoolctl.threadpool_info() if x["user_api"] == "swiftbn"]

    swiftbn.set_num_threads(3)
    found = [info()]
    with threadpoolctl.threadpool_limits(1):
        found.append(swiftbn.get_num_threads())
        swiftbn.ops.matmul([[1.0]], [[2.0]])
    found.append(swiftbn.get_num_threads())
    with threadpoolctl.threadpool_limits(2, user_api="swiftbn"):
        found.append(info()[0]["num_threads"])
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        found.append(swiftbn.get_num_threads())
    print(json.dumps(found))
"""


@pytest.mark.parametrize(
    "first, second, register",
    [
        ("threadpoolctl", "swiftbn", ""),
        ("swiftbn", "threadpoolctl", "swiftbn.config.register_threadpoolctl()"),
        ("threadpoolctl", "swiftbn", "swiftbn.config.register_threadpoolctl()"),
    ],
)
def test_threadpoolctl(first, second, register):
    pytest.importorskip("threadpoolctl")
    [info], *counts = fresh(LIMITS.format(first=first, second=second, register=register))
    assert counts == [1, 3, 2, 3]
    assert info["num_threads"] == 3 and info["internal_api"] == "swiftbn"
    assert info["version"] == swiftbn.__version__ and info["isa"] == swiftbn.config()["isa"]
    assert os.path.basename(info["filepath"]).startswith("_native_v")


def test_threadpoolctl_is_not_imported():
    assert fresh("import json, sys, swiftbn; print(json.dumps('threadpoolctl' in sys.modules))") is False
    assert fresh("""
        import json, sys
        sys.modules["threadpoolctl"] = None
        import swiftbn
        try:
            swiftbn.config.register_threadpoolctl()
        except ImportError as error:
            print(json.dumps("threadpoolctl" in str(error)))
    """)
