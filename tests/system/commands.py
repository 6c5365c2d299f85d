"""Airflow's commands, told by JSON lines, one after the other in this process: alone, each would mostly import."""

import json
import os
import sys
import traceback


def run(arguments: list[str]) -> bool:
    """Run one command as ``airflow`` does; return whether it went well."""
    from airflow.cli import cli_parser  # what this writes belongs into the log

    try:
        parsed = cli_parser.get_parser().parse_args(arguments)
        parsed.func(parsed)
    except SystemExit as end:
        if end.code:
            sys.stderr.write(f"{end.code}\n")
        return not end.code
    except Exception:
        traceback.print_exc()
        return False
    return True


def main() -> None:
    """Do what the lines say, and answer each with one line."""
    with os.fdopen(os.dup(1), "w") as answers:
        for line in sys.stdin:
            order = json.loads(line)
            log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.close(log)
            well = run(order["arguments"])
            sys.stdout.flush()
            sys.stderr.flush()
            print(json.dumps(well), file=answers, flush=True)


if __name__ == "__main__":
    main()
