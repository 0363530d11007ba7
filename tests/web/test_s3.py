"""A mirror in a bucket: scrape fetches it from a real S3 server, and notices an object that was replaced."""

import importlib.util
import json
from collections.abc import Iterator

import pytest

from support.project import Project
from support.submissions import submission

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (importlib.util.find_spec("s3fs") and importlib.util.find_spec("moto")),
        reason="s3fs and moto are not installed: no bucket to scrape from",
    ),
]

#: What moto takes from anyone.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
NAMES = [f"u{number}-2008-abc" for number in range(3)]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an S3 server of this test, on loopback."""
    from moto.server import ThreadedMotoServer

    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture
def bucket(server: str):
    """A bucket with a folder of three archives, and a file that is none."""
    import boto3

    bucket = boto3.resource("s3", endpoint_url=server).create_bucket(Bucket="speech")
    for name in NAMES:
        bucket.put_object(Key=f"voxforge/{name}.tgz", Body=submission(name))
    bucket.put_object(Key="voxforge/README.txt", Body=b"no archive")
    bucket.put_object(Key="other/u9-2008-abc.tgz", Body=submission("u9-2008-abc"))
    return bucket


@pytest.fixture
def of_bucket(project: Project, server: str) -> Project:
    project.set_params(corpus="voxforge", corpora__voxforge__url="s3://speech/voxforge")
    project.env |= CREDENTIALS | {"AWS_ENDPOINT_URL": server}
    return project


def test_a_mirror_in_a_bucket(bucket, of_bucket: Project) -> None:
    done = of_bucket.run("scrape")
    assert "3 of 3 archives selected, 0 of them already stored; 3 to fetch" in done.stdout
    raw = of_bucket.folder / "data/raw"
    assert {path.name: path.read_bytes() for path in raw.glob("*.tgz")} == {
        f"{name}.tgz": submission(name) for name in NAMES
    }
    assert (raw / "manifest.csv").read_text().splitlines()[1].startswith(f"{NAMES[0]}.tgz,s3://speech/voxforge/")
    assert json.loads((of_bucket.folder / "metrics/scrape.json").read_text())["archives_failed"] == 0
    assert "3 of them already stored; nothing to fetch" in of_bucket.run("scrape").stdout


def test_a_replaced_object_is_fetched_again(bucket, of_bucket: Project) -> None:
    of_bucket.run("scrape")
    replaced = submission(NAMES[0], clips=2)
    bucket.put_object(Key=f"voxforge/{NAMES[0]}.tgz", Body=replaced)
    assert "2 of them already stored; 1 to fetch" in of_bucket.run("scrape").stdout
    assert (of_bucket.folder / f"data/raw/{NAMES[0]}.tgz").read_bytes() == replaced


def test_no_such_bucket_is_one_line(of_bucket: Project) -> None:
    of_bucket.set_params(corpora__voxforge__url="s3://silence/voxforge")
    done = of_bucket.run("scrape", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("scrape: s3://silence/voxforge cannot be read: ")
    assert done.stderr.count("\n") == 1
