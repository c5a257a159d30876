#!/usr/bin/env python3
"""Checks that every #include between libs, services, apps and sdk is allowed by tools/layers.json, and that fenced third-party headers stay in their owner's src/."""
import graphlib, json, pathlib, re, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
POLICY = json.loads((ROOT / "tools/layers.json").read_text())
LIBS = {name: allowed for name, allowed in POLICY.items() if isinstance(allowed, list)}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# Third-party headers that are heavy, C-style or dangerous to spread: allowed only in the src/ (and tests) of the owners.
FENCED = {
    "torch/": {"learn_torch"}, "ATen/": {"learn_torch"}, "c10/": {"learn_torch"}, "openvino/": {"learn_openvino"}, "xgboost/": {"learn", "mining"},
    "dcmtk/": {"dicom", "dimse"}, "openjpeg": {"dicom"}, "charls/": {"dicom"}, "openjph/": {"dicom"}, "turbojpeg.h": {"dicom", "imaging"},
    "png.h": {"imaging"}, "tiffio.h": {"imaging"}, "boost/math/": {"stats"}, "boost/": {"net"}, "nghttp2/": {"net"}, "grpcpp/": {"net", "federation"}, "google/protobuf/": {"net", "federation"},
    "openssl/": {"crypto", "net", "dimse"}, "sodium": {"crypto"}, "htslib/": {"genomics"}, "sqlite3.h": {"store"}, "yaml-cpp/": {"base", "learn"}, "CLI/": {"aceso"}, "zip.h": {"learn"}, "zlib.h": {"net", "learn", "dicom", "imaging", "archive"}, "rocksdb/": {"store"}, "libpq-fe.h": {"store"}, "duckdb": {"store", "records"},
    "libxml/": {"fhir"}, "librdkafka/": {"net"},
}

def modules():
    for top in ("libs", "services", "apps"):
        for folder in sorted(p for p in (ROOT / top).glob("*") if p.is_dir()):
            yield top, folder.name, folder

def main():
    errors = []
    try:
        graphlib.TopologicalSorter(LIBS).prepare()
    except graphlib.CycleError as e:
        errors.append("layers.json has a cycle: " + " -> ".join(reversed(e.args[1])))
    known = {name: folder for _, name, folder in modules()}
    for top, name, folder in modules():
        if top == "libs" and name not in LIBS:
            errors.append(f"libs/{name}: no entry in tools/layers.json")
            continue
        for f in sorted(folder.rglob("*")):
            if f.suffix not in {".hpp", ".h", ".cpp"}:
                continue
            rel = f.relative_to(ROOT)
            part = rel.parts[2]  # include, src, test, bench or fuzz
            for n, line in enumerate(f.read_text().splitlines(), 1):
                m = INCLUDE.match(line)
                if not m:
                    continue
                path = m.group(2)
                if path.startswith("aceso/"):
                    target = path.split("/")[1]
                    if target not in known or not (known[target] / "include" / path).is_file():
                        errors.append(f"{rel}:{n}: no public header {path}")
                    elif target != name and part in ("include", "src"):
                        if top == "libs" and target not in LIBS[name]:
                            errors.append(f"{rel}:{n}: {name} may not include {target} (allowed: {', '.join(LIBS[name]) or 'none'})")
                        if top == "services" and (target not in LIBS or target in POLICY["services"]["may_include_every_lib_but"]):
                            errors.append(f"{rel}:{n}: a service may not include {target}; put the interface into libs/contracts")
                    continue
                if part == "include" and m.group(1) == '"':
                    errors.append(f"{rel}:{n}: a public header includes the private header {path}")
                prefix = max((p for p in FENCED if path.startswith(p)), key=len, default=None)
                if prefix is not None and (name not in FENCED[prefix] or part == "include"):
                    errors.append(f"{rel}:{n}: {path} is fenced to src/ of {', '.join(sorted(FENCED[prefix]))}")
    print("\n".join(errors) or "layers: ok")
    return 1 if errors else 0

sys.exit(main())
