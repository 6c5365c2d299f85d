import os

import requests

control = os.environ["ENCORD_URL"] + "/_emulator"

# From now on each registration job takes two minutes, and the next one fails.
requests.post(f"{control}/settings", json={"job_seconds": 120}).raise_for_status()
requests.post(f"{control}/jobs/next", json={"status": "ERROR", "error": "out of luck"}).raise_for_status()

# The second and third request for upload URLs are answered with HTTP 503.
rule = {"operation": "presigned_urls", "skip": 1, "times": 2, "action": {"status": 503}}
requests.post(f"{control}/faults", json=rule).raise_for_status()

for entry in requests.get(f"{control}/requests").json()["requests"]:
    print(entry["operation"], entry["status"])
print(requests.get(f"{control}/state").json())
