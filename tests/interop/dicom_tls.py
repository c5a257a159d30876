#!/usr/bin/env python3
"""DICOM over TLS with DCMTK's programs, both ways. Certificates are made here; a client certificate is an identity, an AE title is none.
  python3 tests/interop/dicom_tls.py build/dev/apps/aceso/aceso"""
import hashlib
import json
import ssl
import sys

from dicom_node import Folder, Node, Peer, check, data_set, finish, free_ports, make_study, need, run

program = sys.argv[1]
need("storescu", "storescp", "findscu", "openssl")  # movescu of 3.6.7 speaks no TLS


def authority(folder, name):
    run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign",
         "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"])
    return folder / f"{name}.pem"


def certificate(folder, name, by):
    """(key, certificate, SHA-256 of its DER form), for 127.0.0.1, signed by the authority `by`."""
    key, csr, pem, extra = (folder / f"{name}.{end}" for end in ("key", "csr", "pem", "ext"))
    extra.write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n")
    run(["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", csr])
    status, out = run(["openssl", "x509", "-req", "-in", csr, "-CA", by, "-CAkey", by.with_suffix(".key"), "-CAcreateserial", "-days", "2", "-extfile", extra, "-out", pem])
    if status != 0:
        raise RuntimeError(out)
    return key, pem, hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.read_text())).hexdigest()


def node_is_called(folder):
    ca, stranger_ca = authority(folder, "ca"), authority(folder, "other")
    server_key, server, _ = certificate(folder, "server", ca)
    ct_key, ct, fingerprint = certificate(folder, "ct", ca)
    mr_key, mr, _ = certificate(folder, "mr", ca)
    bad_key, bad, _ = certificate(folder, "bad", stranger_ca)
    study, made = make_study(folder / "files", 21, 3)
    settings = f'tls_certificate: {server}, tls_key: {server_key}, tls_client_ca: {ca}, peers: ["CT@127.0.0.1/certificate={fingerprint}"]'
    with Node(program, folder, settings) as node:
        def send(key, cert, title="CT"):
            return run(["storescu", "+tls", key, cert, "+cf", ca, "-aet", title, "-aec", "ACESO", "127.0.0.1", node.dicom_port, "+sd", folder / "files"])
        status, out = send(mr_key, mr)
        check("the AE title of a known node with another certificate is refused", status != 0 and not node.instances(study), out)
        status, out = send(bad_key, bad)
        check("a certificate of a strange authority is refused", status != 0 and not node.instances(study), out)
        status, out = send(ct_key, ct, "NOTCT")
        check("the certificate of a known node under another title is refused", status != 0 and not node.instances(study), out)
        status, out = run(["storescu", "-aet", "CT", "-aec", "ACESO", "127.0.0.1", node.dicom_port, "+sd", folder / "files"])
        check("plain DICOM at a TLS port is refused", status != 0 and not node.instances(study), out)
        status, out = run(["storescu", "-ts", "5", "+tla", "+cf", ca, "-aet", "CT", "-aec", "ACESO", "127.0.0.1", node.dicom_port, "+sd", folder / "files"])
        check("TLS without a certificate is refused", status != 0 and not node.instances(study), out)
        status, out = send(ct_key, ct)
        check("the known certificate stores", status == 0, out)
        check("byte for byte", all(data_set(node.instance(study, uid)) == data for uid, data in made.items()))
        status, out = run(["findscu", "+tls", ct_key, ct, "+cf", ca, "-aet", "CT", "-aec", "ACESO", "-S", "-k", "0008,0052=STUDY", "-k", "0020,000D", "127.0.0.1", node.dicom_port])
        check("and queries", status == 0 and study in out, out)


def we_call(folder):
    ca, other = authority(folder, "ca"), authority(folder, "other")
    server_key, server, _ = certificate(folder, "server", ca)
    key, cert, _ = certificate(folder, "us", ca)
    study, made = make_study(folder / "files", 22, 3)
    port = free_ports(1)[0]
    (folder / "got").mkdir()
    with Peer(["storescp", "+B", "+tls", server_key, server, "+cf", ca, "-od", folder / "got", port], port):
        def store(*options):
            return run([program, "--home", folder / "client", "--json", "dicom", "store", f"THEIRS@127.0.0.1:{port}", str(folder / "files"), "--tls", *map(str, options)])
        status, out = store("--tls-ca", other, "--tls-certificate", cert, "--tls-key", key)
        check("a peer of a strange authority is not called", status != 0 and not list((folder / "got").iterdir()), out)
        status, out = store("--tls-ca", ca)
        check("storescp wants a certificate of ours", status != 0 and not list((folder / "got").iterdir()), out)
        status, out = store("--tls-ca", ca, "--tls-certificate", cert, "--tls-key", key)
        check("storescp takes three objects by TLS", status == 0 and json.loads(out)["stored"] == 3, out)
        check("they are the data sets that we sent", sorted(data_set(f.read_bytes()) for f in (folder / "got").iterdir()) == sorted(made.values()))


def node_moves(folder):
    """C-MOVE of a node to a destination that is called by TLS."""
    ca = authority(folder, "ca")
    server_key, server, _ = certificate(folder, "server", ca)
    their_key, theirs, fingerprint = certificate(folder, "theirs", ca)
    study, made = make_study(folder / "files", 23, 3)
    port = free_ports(1)[0]
    (folder / "got").mkdir()
    settings = (f'tls_certificate: {server}, tls_key: {server_key}, tls_client_ca: {ca}, tls_peer_ca: {ca}, '
                f'peers: ["VIEWER@127.0.0.1:{port}/tls/certificate={fingerprint}"]')
    with Node(program, folder, settings) as node, Peer(["storescp", "+B", "+tls", their_key, theirs, "+cf", ca, "-od", folder / "got", port], port):
        tls = ["+tls", their_key, theirs, "+cf", ca, "-aet", "VIEWER", "-aec", "ACESO"]
        status, out = run(["storescu", *tls, "127.0.0.1", node.dicom_port, "+sd", folder / "files"])
        check("VIEWER stores", status == 0, out)
        status, out = run([program, "--home", folder / "client", "--json", "dicom", "move", node.ae, "--aet", "VIEWER", "--tls", "--tls-ca", ca, "--tls-certificate", theirs, "--tls-key", their_key,
                           "--study", study, "--to", "VIEWER"])
        check("a move to VIEWER, which is called by TLS", status == 0 and json.loads(out)["completed"] == 3, out)
        check("byte for byte", sorted(data_set(f.read_bytes()) for f in (folder / "got").iterdir()) == sorted(made.values()))


for part in (node_is_called, we_call, node_moves):
    with Folder() as at:
        part(at)
finish()
