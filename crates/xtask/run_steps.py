"""Writes every `run:` of workflows and actions into a file of its own, for shellcheck.

run_steps.py DIRECTORY FILE...
"""
import pathlib
import sys

import yaml

directory, *files = sys.argv[1:]
count = 0
for file in files:
    document = yaml.safe_load(pathlib.Path(file).read_text(encoding="utf-8"))
    jobs = document.get("jobs") or {"action": document.get("runs", {})}
    for job, body in jobs.items():
        for number, step in enumerate(body.get("steps") or [], 1):
            if "run" not in step:
                continue
            name = f"{file.replace('/', '_')}-{job}-{number}.sh"
            text = "#!/usr/bin/env bash\n" + step["run"].rstrip("\n") + "\n"
            pathlib.Path(directory, name).write_text(text, encoding="utf-8")
            count += 1
print(f"{count} run steps")
