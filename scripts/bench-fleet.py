"""Figures of the queue between machines: `scripts/bench fleet` runs this.

Redis, coordinator and workers all run on this machine. Every figure through Redis stands beside
the one of the same study in one process, measured in turn, and the hashes are compared.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

NOOP = ["--template", "problem:sphere", "--algorithm", "random", "--trials", "5000000"]
# Two symbols of 2,148 and 3,270 bars: a trial takes about 20 microseconds of one core.
BACKTEST = [
    "--template", "sma-crossover", "--algorithm", "grid",
    "--set", 'backtest.symbols=["GOOG","IBM"]',
    "--set", "space.fast.int=[2,400]", "--set", "space.slow.int=[10,2000]",
]  # fmt: skip
BILLION = [
    "--template", "problem:sphere", "--algorithm", "grid:shuffle",
    "--set", "space.x1.points=31623", "--set", "space.x2.points=31623",
]  # fmt: skip


class Server:
    """A Redis without persistence on a port of its own."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        words = ["redis-server", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        words += ["--dir", str(folder), "--bind", "127.0.0.1"]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        self.address = f"redis://127.0.0.1:{self.port}"
        for _ in range(200):
            try:
                self.ask("PING")
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("bench: redis-server does not answer")

    def ask(self, *words):
        """One command and the answer's bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as link:
            parts = [f"${len(word)}\r\n{word}\r\n" for word in words]
            link.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
            answer = link.recv(1 << 16)
            while answer.startswith(b"$") and not answer.endswith(b"\r\n"):
                answer += link.recv(1 << 16)
            return answer.decode(errors="replace")

    def megabytes(self, field="used_memory"):
        lines = self.ask("INFO", "memory").splitlines()
        found = next(line for line in lines if line.startswith(field + ":"))
        return int(found.split(":")[1]) / 1e6

    def close(self):
        self.process.terminate()
        self.process.wait()


class Bench:
    def __init__(self, optimize, folder):
        self.optimize, self.folder = optimize, Path(folder)
        self.environment = {**os.environ, "OPTIMIZE_KEY": "the key of a bench, for nobody else"}
        self.environment["XDG_CACHE_HOME"] = str(self.folder / "cache")
        self.count = 0

    def start(self, words, **options):
        self.count += 1
        store = self.folder / f"store-{self.count}"
        full = [self.optimize, "start", *words, "--quiet", "--format", "json", "--store", store]
        process = subprocess.Popen(full, stdout=subprocess.PIPE, env=self.environment, **options)
        return process, store

    def study(self, words):
        """Runs a study; its status, and seconds from start to exit. Every row is in DuckDB."""
        began = time.monotonic()
        process, store = self.start(words)
        out, _ = process.communicate()
        seconds = time.monotonic() - began
        assert process.returncode == 0, "the study failed"
        status = json.loads(out)
        rows = subprocess.run(
            [self.optimize, "results", status["name"], "--store", store, "--format", "json",
             "--sql", "select count(*) as n from trials"],
            check=True, capture_output=True)  # fmt: skip
        assert json.loads(rows.stdout)[0]["n"] == status["evaluated"], "every row is in DuckDB"
        shutil.rmtree(store)
        return status, seconds

    def worker(self, server, threads):
        words = [self.optimize, "worker", "--queue", server.address, "--threads", str(threads)]
        worker = subprocess.Popen(words, stderr=subprocess.DEVNULL, env=self.environment)
        time.sleep(1)
        return worker

    def compare(self, name, words, rounds, threads):
        """One study in one process and through Redis, in turn."""
        print(f"== {name}: optimize start {' '.join(words)}")
        server = Server(self.folder)
        worker = self.worker(server, threads)
        rates = {"embedded": [], "redis": []}
        hashes = set()
        for _ in range(rounds):
            for way in rates:
                far = ["--queue", server.address] if way == "redis" else ["--threads", str(threads)]
                status, seconds = self.study([*words, *far])
                rates[way].append(status["evaluated"] / seconds)
                hashes.add(status["results_hash"])
        peak = server.megabytes("used_memory_peak")
        worker.terminate()
        worker.wait()
        server.close()
        assert len(hashes) == 1, "the same results"
        for way, found in rates.items():
            each = ", ".join(f"{rate:,.0f}" for rate in found)
            print(f"{way:9} {statistics.median(found):>10,.0f} trials/s ({each})")
        ratios = [far / near for near, far in zip(rates["embedded"], rates["redis"])]
        print(f"ratio {statistics.median(ratios):.2f}; Redis held {peak:.1f} MB at most; same hash")

    def billion(self):
        """A grid of 10^9 points: how soon the first trials are done, and what Redis holds."""
        print(f"== a billion points: optimize start {' '.join(BILLION)}")
        server = Server(self.folder)
        worker = self.worker(server, 2)
        began = time.monotonic()
        process, store = self.start([*BILLION, "--queue", server.address, "--max-time", "10s"])
        first, peak, ended = None, 0.0, threading.Event()
        threading.Thread(target=lambda: (process.wait(), ended.set()), daemon=True).start()
        while not ended.wait(0.02):
            if first is None and self.has_result(server):
                first = time.monotonic() - began
            peak = max(peak, server.megabytes())
        status = json.loads(process.stdout.read())
        worker.terminate()
        worker.wait()
        server.close()
        shutil.rmtree(store)
        print(f"first job done {first:.2f} s after the start of the program; {status['evaluated']:,} trials in 10 s;")
        print(f"Redis held {peak:.1f} MB at most, itself included")

    def has_result(self, server):
        """Whether a result has come: the stream of them begins with an entry that is none."""
        keys = server.ask("KEYS", "optimize:*:results").split("\r\n")
        name = next((key for key in keys if key.startswith("optimize:")), None)
        if name is None:
            return False
        words = server.ask("XINFO", "STREAM", name).split("\r\n")
        return "entries-added" in words and int(words[words.index("entries-added") + 1][1:]) > 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("optimize")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["noop", "backtest", "billion"])
    args = parser.parse_args()
    folder = tempfile.mkdtemp()
    bench = Bench(str(Path(args.optimize).resolve()), folder)
    threads = os.cpu_count()
    try:
        if args.only in (None, "noop"):
            bench.compare("no-op trials", NOOP, args.rounds, threads)
        if args.only in (None, "backtest"):
            bench.compare("backtests", BACKTEST, args.rounds, threads)
        if args.only in (None, "billion"):
            bench.billion()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
