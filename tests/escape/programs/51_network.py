import socket
socket.setdefaulttimeout(1.5)
for address in (("1.1.1.1", 53), ("8.8.8.8", 443), ("169.254.169.254", 80), ("10.0.0.1", 80), ("172.17.0.1", 80), ("192.168.0.1", 80), ("100.100.100.200", 80), ("0.0.0.0", 22)):
    attempt(f"tcp {address}", lambda: socket.create_connection(address, 1.5))
    if address[0] != "0.0.0.0": attempt(f"udp {address}", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", address))
for address in ("2606:4700:4700::1111", "fd00:ec2::254", "fe80::1"):
    attempt(f"tcp6 {address}", lambda: socket.create_connection((address, 80), 1.5))
    attempt(f"udp6 {address}", lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"x", (address, 53)))
attempt("ping", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1).sendto(b"\x08\0\0\0\0\0\0\0", ("1.1.1.1", 0)))
attempt("broadcast", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("255.255.255.255", 9)))
