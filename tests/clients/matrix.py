"""Formats the results: as plain text for the terminal, and as Markdown between two markers in docs/clients.md."""

import datetime
import subprocess

from catalogue import SITUATIONS

BEGIN, END = "<!-- results: tests/clients/run.sh writes them -->\n", "<!-- end of the results -->\n"
# How the tables show the result of a situation.
RESULT_TEXTS = {"works": "yes", "not offered": "-", "fails": "no"}


def format_plain(clients, outcomes):
    """Returns one line for each client: how many situations work, and what failed."""
    width = max(len(client.name) for client in clients)
    lines = []
    for client in clients:
        outcome = outcomes[client.name]
        working = list(outcome.results.values()).count("works")
        failed = [name for name, result in outcome.results.items() if result == "fails"]
        known_faults = [f"{name} ({client.faults[name]})" for name in failed if name in client.faults]
        notes = [f"FAILED {problem}" for problem in outcome.problems] + [f"client's fault: {fault}" for fault in known_faults]
        summary = f"not run: {outcome.missing}" if outcome.missing else f"{working} work"
        lines.append(f"{client.name:{width}}  {client.version:10}  {', '.join(outcome.apis):15}  {'; '.join([summary, *notes])}")
    return "\n".join(lines)


def row(cells):
    return f"| {' | '.join(cells)} |\n"


def row_start(client):
    return f"| {client.title} | {client.version} |"


def format_markdown(clients, outcomes):
    notes = []
    setups = row(["client", "version", "API", "setup"]) + "|---|---|---|---|\n"
    results = row(["client", *SITUATIONS.values(), "ignored"]) + "|---" * (len(SITUATIONS) + 2) + "|\n"
    for client in clients:
        outcome = outcomes[client.name]
        setups += row([client.title, client.version, ", ".join(outcome.apis), client.setup])
        cells = []
        for name in SITUATIONS:
            if outcome.missing:
                cells.append("not run")
                continue
            result = outcome.results.get(name, "fails")
            cells.append(RESULT_TEXTS[result])
            if result == "fails":
                reason = client.faults.get(name) or outcome.reasons.get(name) or "not reported"
                notes.append(f"{client.title}, {SITUATIONS[name]}: {reason}")
                cells[-1] = f"no ({len(notes)})"
        if outcome.missing:
            notes.append(f"{client.title}: {outcome.missing}")
        results += row([client.title, *cells, ", ".join(f"`{name}`" for name in outcome.ignored)])
    listed = "".join(f"{number}. {note}\n" for number, note in enumerate(notes, 1))
    return f"Run on {date_and_commit()}.\n\n{setups}\n{results}" + (f"\n{listed}" if listed else "")


def date_and_commit():
    def git(*arguments):
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changes = ", with changes" if git("status", "--porcelain") else ""
    return f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}, commit {git('rev-parse', '--short', 'HEAD') or 'unknown'}{changes}"


def write(path, clients, outcomes):
    """Replaces the text between the markers in the file."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(before + BEGIN + "\n" + format_markdown(clients, outcomes) + "\n" + END + after)


def clients_without_row(path, clients):
    """Returns the names of the clients whose version has no row in the file."""
    text = path.read_text()
    return [client.name for client in clients if row_start(client) not in text]
