"""Sends messages over MLLP, one at a time on each connection, and looks at every acknowledgement."""

import socket
import threading
import time


class Refused(Exception):
    pass


class Connection:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def ask(self, message):
        """Sends a message and returns once it is acknowledged; raises where it is not, or another one is."""
        self.socket.sendall(b"\x0b" + message.encode() + b"\x1c\r")
        while b"\x1c\r" not in self.rest:
            more = self.socket.recv(65536)
            if not more:
                raise Refused("the connection was closed")
            self.rest += more
        answer, self.rest = self.rest.split(b"\x1c\r", 1)
        said = [line.split("|") for line in answer.decode().lstrip("\x0b").split("\r")]
        msa = next((fields for fields in said if fields[0] == "MSA"), ["MSA", "", ""])
        control_id = message.split("|", 10)[9]
        if msa[1] not in ("AA", "CA") or msa[2] != control_id:
            raise Refused(answer.decode().replace("\r", "\n"))

    def close(self):
        self.socket.close()


class Crowd:
    """Connections that send side by side, each the messages of its own share, until told to stop or out of messages."""

    def __init__(self, address, count, share):
        self.address, self.count, self.share = address, count, share
        self.is_over = threading.Event()
        self.sent = [0] * count
        self.times = [[] for _ in range(count)]
        self.wrong = []

    def run(self, secs=None, watch=None):
        """Returns how long it took."""
        threads = [threading.Thread(target=self.work, args=(place,), daemon=True) for place in range(self.count)]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads) and not (secs and time.monotonic() - begun > secs):
            time.sleep(0.05)
            if watch:
                watch(sum(self.sent))
        self.is_over.set()
        for thread in threads:
            thread.join()
        if self.wrong:
            raise Refused(self.wrong[0])
        return time.monotonic() - begun

    def work(self, place):
        try:
            connection = Connection(self.address)
            for message in self.share(place, self.count):
                if self.is_over.is_set():
                    break
                begun = time.perf_counter()
                connection.ask(message)
                self.times[place].append(time.perf_counter() - begun)
                self.sent[place] += 1
            connection.close()
        except (OSError, Refused) as wrong:
            self.wrong.append(f"connection {place}: {wrong}")
            self.is_over.set()
