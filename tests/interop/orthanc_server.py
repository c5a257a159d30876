"""Debian's Orthanc as a peer of the interop tests."""
import json
import urllib.error
import urllib.request

from dicom_node import Peer, data_set


class Orthanc(Peer):
    def __init__(self, folder, node_port, ports, plugins=()):
        self.http, self.dicom_port = ports
        self.ae = f"ORTHANC@127.0.0.1:{self.dicom_port}"
        (folder / "orthanc").mkdir()
        (folder / "orthanc.json").write_text(json.dumps({
            "Name": "peer", "StorageDirectory": str(folder / "orthanc"), "IndexDirectory": str(folder / "orthanc"), "HttpPort": self.http, "DicomPort": self.dicom_port, "DicomAet": "ORTHANC",
            "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "DicomAlwaysAllowStore": True, "DicomAlwaysAllowFind": True, "DicomAlwaysAllowMove": True, "DicomAlwaysAllowGet": True,
            "DicomModalities": {"node": ["ACESO", "127.0.0.1", node_port]}, "Plugins": list(plugins)}))
        super().__init__(["/usr/sbin/Orthanc", folder / "orthanc.json"], self.http)

    def call(self, path, body=None):
        """The answer as JSON, or bytes; None when it is an error."""
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", data=data), timeout=120) as answer:
                got = answer.read()
        except urllib.error.HTTPError as why:
            print(f"     {path}: {why.code} {why.read()[:300]!r}")
            return None
        try:
            return json.loads(got)
        except ValueError:
            return got

    def files(self):
        return sorted(data_set(self.call(f"/instances/{i}/file")) for i in self.call("/instances"))
