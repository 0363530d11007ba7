"""Real web servers with auto-index over a folder, on loopback, without root and without a system service."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# Debian keeps them where only root looks.
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])

_NGINX = """
daemon off;
{user}
worker_processes 1;
pid {state}/nginx.pid;
error_log {state}/error.log;
events {{}}
http {{
    access_log {state}/access.log;
    client_body_temp_path {state}/body;
    proxy_temp_path {state}/proxy;
    fastcgi_temp_path {state}/fastcgi;
    uwsgi_temp_path {state}/uwsgi;
    scgi_temp_path {state}/scgi;
    types {{ text/html html; application/gzip tgz; }}
    server {{
        listen 127.0.0.1:{port};
        location /corpus/ {{ alias "{folder}/"; autoindex on; {options} }}
    }}
}}
"""

_APACHE = """
ServerRoot "{state}"
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {state}/apache.pid
DefaultRuntimeDir {state}
Mutex file:{state} default
ErrorLog {state}/error.log
CustomLog {state}/access.log "%r %>s %b"
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule dir_module {modules}/mod_dir.so
LoadModule alias_module {modules}/mod_alias.so
LoadModule mime_module {modules}/mod_mime.so
LoadModule autoindex_module {modules}/mod_autoindex.so
LoadModule env_module {modules}/mod_env.so
LoadModule ratelimit_module {modules}/mod_ratelimit.so
{user}
TypesConfig /etc/mime.types
AddEncoding x-gzip .gz .tgz
AddIcon /icons/compressed.gif .tgz
Alias /corpus/ "{folder}/"
DocumentRoot "{state}"
<Directory "{folder}">
    Require all granted
    Options +Indexes
    {options}
</Directory>
"""


@contextmanager
def nginx(folder: Path, state: Path, options: str = "") -> Iterator[str]:
    """The address of nginx's index page over `folder`; skips the test where nginx is not installed."""
    program = _program("nginx")
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    config = _write(state / "nginx.conf", _NGINX, folder=folder, state=state, port=port, user=user, options=options)
    with _running([program, "-p", str(state), "-e", f"{state}/error.log", "-c", str(config)], port, state):
        yield f"http://127.0.0.1:{port}/corpus/"


@contextmanager
def apache(folder: Path, state: Path, options: str = "IndexOptions FancyIndexing") -> Iterator[str]:
    """The address of Apache's index page over `folder`; skips the test where Apache is not installed."""
    program = _program("apache2")
    port = free_port()
    user = ""
    if os.geteuid() == 0:  # Apache does not serve as root
        user = "User www-data\nGroup www-data"
    modules = "/usr/lib/apache2/modules"
    config = _write(
        state / "apache.conf",
        _APACHE,
        folder=folder,
        state=state,
        port=port,
        user=user,
        modules=modules,
        options=options,
    )
    with _running([program, "-DFOREGROUND", "-f", str(config)], port, state):
        yield f"http://127.0.0.1:{port}/corpus/"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _program(name: str) -> str:
    program = shutil.which(name, path=_PATH)
    if program is None:
        pytest.skip(f"{name} is not installed")
    return program


def _write(path: Path, template: str, **values: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(template.format(**values))
    return path


@contextmanager
def _running(command: list[str], port: int, state: Path) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        deadline = time.monotonic() + 20
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise RuntimeError(f"{command[0]} did not start: {process.communicate()[0]}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
