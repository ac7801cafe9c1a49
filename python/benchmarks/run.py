"""All benchmarks: every module of rows here, against each of its peers, on 1 and 2 threads.

    python python/benchmarks/run.py [--only train_cnn,infer_cnn] [--threads 1 2] [--no-peers] [--quick]

Ours and the peer run in a process each and are called in turn (`_interleave.py`). Prints a row as soon as it is
measured, and writes all to --output as JSON, beside it a table (.md) and a picture (.png).
Modules are found by their interface (`_rows.py`).
"""

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import sys
import time
from pathlib import Path

import _report
from _interleave import Comparison, alternate, from_rounds
from _side import Side

HERE = Path(__file__).parent


def modules() -> list:
    """The modules of rows, in the order of the report."""
    order = ["train_cnn", "train_resnet", "infer_cnn", "functional_batch_norm", "bandwidth", "fused_pooling"]
    names = [path.stem for path in sorted(HERE.glob("*.py")) if not path.stem.startswith("_")]
    names = [
        name for name in names if name != Path(__file__).stem and "\nPEERS = " in (HERE / f"{name}.py").read_text()
    ]
    names.sort(key=lambda name: order.index(name) if name in order else len(order))
    return [importlib.import_module(name) for name in names]


def measure(module, peer, threads, *, quick, errors):
    """Yields rows as they are measured, in the last of the module's processes.

    Raises:
        RuntimeError: a process failed; the text ends with what it wrote last.
    """
    rounds: dict[str, tuple[list, list]] = {}
    processes = 1 if quick else getattr(module, "PROCESSES", 1)
    for number in range(processes):
        is_last = number == processes - 1
        for row, sides in _rows_of_both(module, peer, threads, quick):
            turn, scale, measured = row.pop("turn"), row.pop("scale"), row.pop("measured")
            if measured is None:
                timing = {"rounds": 3, "seconds": 0.001} if quick else {"seconds": turn, "rounds": 15 // processes}
                all_rounds = rounds.setdefault(row["name"], ([], []))
                for times, more in zip(all_rounds, alternate(sides[0], *sides[1:] or [None], **timing), strict=True):
                    times += more
                result = from_rounds(*all_rounds)
            else:
                result = Comparison(**measured)
            if not is_last:
                continue
            ratios = {name: getattr(result, name) for name in ("ratio", "low", "high", "best")}
            ratios = {name: value if value is None else value * scale for name, value in ratios.items()}
            found = [side.error() for side in sides] if errors and measured is None else []
            found += [None] * (2 - len(found))
            times = {"ours": result.ours, "theirs": result.peer, "our_error": found[0], "their_error": found[1]}
            yield {"module": module.__name__, "peer": peer, "threads": threads, **row, **ratios, **times}


def _rows_of_both(module, peer, threads, quick):
    """Each row, and the processes of one or both sides, which stand at it."""
    names = ["ours"] if peer is None else ["ours", "theirs"]
    sides = [Side(module.__name__, threads, name, peer, quick) for name in names]
    try:
        while True:
            row, *others = [side.next() for side in sides]
            if any((row and row["name"]) != (other and other["name"]) for other in others):
                raise RuntimeError(f"the sides have different rows: {row}, {others}")
            if row is None:
                return
            yield row, sides
    finally:
        for side in sides:
            side.close()


def machine() -> dict:
    """What the numbers depend on besides the code."""
    from swiftbn.config import config

    with open("/proc/cpuinfo") as file:
        names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    packages = ("numpy", "torch", "keras", "tensorflow", "jax", "onnxruntime")
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package if package != "tensorflow" else "tensorflow-cpu")
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "processor": names[0] if names else platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "swiftbn": config(),
        "versions": versions,
    }


def write(record: dict, titles: dict, output: Path, *, with_picture: bool) -> list[Path]:
    """The files of the results so far."""
    output.parent.mkdir(parents=True, exist_ok=True)
    table, picture = output.with_suffix(".md"), output.with_suffix(".png")
    output.write_text(json.dumps({**record, "titles": titles}, indent=1))
    table.write_text(_report.markdown(record, titles))
    if not with_picture:
        return [output, table]
    _report.draw(record, titles, picture)
    return [output, table, picture]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="modules, with commas between")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--peers", nargs="+", help="these peers only")
    parser.add_argument("--no-peers", action="store_true", help="ours alone, without ratios")
    parser.add_argument("--quick", action="store_true", help="small shapes and few rounds: whether everything runs")
    parser.add_argument("--output", type=Path, default=Path("demo-output/benchmarks.json"))
    arguments = parser.parse_args()
    chosen = modules()
    if arguments.only:
        wanted = arguments.only.split(",")
        unknown = set(wanted) - {module.__name__ for module in chosen}
        if unknown:
            parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(m.__name__ for m in chosen)}")
        chosen = [module for module in chosen if module.__name__ in wanted]
    known = {peer for module in chosen for peer in module.PEERS}
    for peer in set(arguments.peers or known) - known:
        parser.error(f"unknown peer: {peer}; known: {', '.join(sorted(known))}")

    start = time.time()
    record = {"machine": machine(), "rows": [], "means": [], "failures": []}
    titles = {module.__name__: module.TITLE for module in chosen}
    for module in chosen:
        print(f"\n{module.TITLE}", flush=True)
        for threads in arguments.threads:
            peers = [peer for peer in module.PEERS if peer in (arguments.peers or known)]
            for peer in [None] if arguments.no_peers else peers:
                # Ours are bitwise the same for any number of threads.
                errors = threads == arguments.threads[0]
                try:
                    for row in measure(module, peer, threads, quick=arguments.quick, errors=errors):
                        print(_report.line(row), flush=True)
                        record["rows"].append(row)
                except RuntimeError as error:
                    failure = {"module": module.__name__, "peer": peer, "threads": threads, "error": str(error)}
                    record["failures"].append(failure)
                    print(f"  failed against {peer} on {threads} thread(s):\n{error}", flush=True)
        means = _report.geometric_means(record["rows"], module)
        record["means"] += means
        for mean in means:
            print(_report.line(mean), flush=True)
        record["seconds"] = time.time() - start
        record["machine"]["load_after"] = os.getloadavg()[0]
        # After each module, so that a run that is ended leaves what it has.
        written = write(record, titles, arguments.output, with_picture=not arguments.no_peers)
    found = record["rows"] + record["means"]
    missed = sum(_report.is_reached(row) is False for row in found)
    disturbed = sum(map(_report.is_disturbed, found))
    print(f"\n{len(record['rows'])} rows in {record['seconds']:.0f} s, {missed} below what is wanted")
    print(f"{disturbed} disturbed by the load of the machine" if disturbed else "none disturbed")
    print("wrote", *written)
    return 1 if record["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
