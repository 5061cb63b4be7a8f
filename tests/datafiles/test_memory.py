"""Memory of a worker that writes far more rows than it may hold."""

import json
import subprocess
import sys

ROWS_MIB, LIMIT_MIB = 512, 300

WORKER = """
import json, os, re, sys
import pyarrow as pa
from dicom_udf.datafiles import write_data_files
from tests.datafiles.targets import target_with

schema = pa.schema([pa.field("id", pa.int64()), pa.field("header", pa.string())])

def rows():
    for start in range(0, int(sys.argv[2]) * 32, 256):  # 32 rows are 1 MiB
        text = pa.array([os.urandom(4096).hex() + "x" * 24576 for _ in range(256)])
        yield pa.table([pa.array(range(start, start + 256)), text], schema=schema)

texts = list(write_data_files(target_with(sys.argv[1], schema), rows(), partition=()))
status = open("/proc/self/status").read()  # ru_maxrss begins with that of the process which forked this one
peak = int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024
print(json.dumps([peak, sum(json.loads(text)["record-count"] for text in texts), len(texts)]))
"""


def test_memory_is_that_of_a_row_group(tmp_path):
    command = [sys.executable, "-c", WORKER, str(tmp_path), str(ROWS_MIB)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak, rows, _ = json.loads(done.stdout)
    assert rows == ROWS_MIB * 32
    assert peak < LIMIT_MIB, done.stdout
