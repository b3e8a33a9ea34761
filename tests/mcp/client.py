"""An assistant's side of a conversation with Mirano, by the official Python SDK of the Model Context Protocol.

    client.py http URL KEY ADDRESS               streamable HTTP
    client.py stdio PROGRAM URL KEY ADDRESS      starts `PROGRAM mcp --server URL --key KEY`

Calls every tool, reads the resources and a prompt, and prints what was said as JSON, one step a line. The SDK holds each structured answer
against the tool's schema; what the steps have to show is asserted here. KEY may be "-" for none.
"""

import asyncio
import json
import sys

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client


def told(step, **said):
    print(json.dumps({"step": step, **said}, ensure_ascii=False), flush=True)


async def call(client, name, **arguments):
    result = await client.call_tool(name, arguments)
    text = result.content[0].text
    assert not result.is_error, f"{name}: {text}"
    answer = result.structured_content
    assert json.loads(result.content[1].text) == answer, "the text says the same as the structure"
    assert text.splitlines() == [line for said in answer["say"] for line in said["text"].splitlines() if line], "sentences come first"
    told(name, arguments=arguments, say=[said["text"] for said in answer["say"]])
    return answer


async def converse(client, address):
    told("server", version=client.server_info.version, protocol=str(client.protocol_version))
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    told("tools", names=list(tools))
    expected = "start_check get_check explain_check list_facts compare report_at list_sources recheck review_draft".split()
    assert list(tools) == expected, list(tools)
    assert all(tool.output_schema and tool.input_schema for tool in tools.values())

    started = await call(client, "start_check", address=address, lang="en", wait_s=60)
    job = started["job"]
    assert job["final"], job["status"]
    of_job = {"job_id": job["job_id"], "lang": "en"}
    assert (await call(client, "get_check", **of_job))["job"]["job_id"] == job["job_id"]

    explained = (await call(client, "explain_check", **of_job))["explanation"]
    told("why_fast", text=explained["why_fast"]["text"])
    reused = [row for row in job["sources"] if row["origin"] in ("reused", "served_stale")]
    fast = "come from earlier checks" in explained["why_fast"]["text"] or "comes from earlier checks" in explained["why_fast"]["text"]
    assert fast or not reused, explained["why_fast"]

    facts = await call(client, "list_facts", limit=1, **of_job)
    assert len(facts["facts"]) == 1 and facts["total"] >= 1 and facts["facts"][0]["observation_id"]
    if facts["total"] > 1:
        more = await call(client, "list_facts", offset=facts["next_offset"], **of_job)
        assert more["facts"][0]["fact_id"] != facts["facts"][0]["fact_id"]

    then = job["position"]
    compared = await call(client, "compare", **{"from": f"job:{job['job_id']}@{then}", "to": f"job:{job['job_id']}@now", "lang": "en"})
    assert compared["diff"]["counts"]["changed"] == 0
    report = (await call(client, "report_at", as_of=then, **of_job))["report"]
    assert report["job_id"] == job["job_id"] and report["notice"]
    assert (await call(client, "list_sources", lang="en"))["sources"]

    lie = "All sources were checked just now and everything is clean."
    reviewed = (await call(client, "review_draft", text=lie, **of_job))["review"]
    told("claims", draft=lie, codes=[claim["code"] for claim in reviewed["claims"]])
    assert not reviewed["ok"] and any(claim["code"] == "absence.clean" for claim in reviewed["claims"])
    honest = " ".join(said["text"] for said in (await call(client, "explain_check", **of_job))["say"])
    assert (await call(client, "review_draft", text=honest, **of_job))["review"]["ok"], "what may be said passes"

    resources = (await client.list_resources()).resources
    told("resources", uris=[str(resource.uri) for resource in resources][:4])
    report_uri = f"mirano://jobs/{job['job_id']}/report"
    assert report_uri in [str(resource.uri) for resource in resources]
    read = json.loads((await client.read_resource(report_uri)).contents[0].text)
    assert read["job_id"] == job["job_id"]
    snapshot = f"mirano://snapshots/{job['snapshots'][-1]['snapshot_id']}"
    assert json.loads((await client.read_resource(snapshot)).contents[0].text)["facts_root"] == job["snapshots"][-1]["facts_root"]
    templates = (await client.list_resource_templates()).resource_templates
    told("templates", uris=[template.uri_template for template in templates])

    prompts = [prompt.name for prompt in (await client.list_prompts()).prompts]
    told("prompts", names=prompts)
    russian = await client.get_prompt("explain_result_ru", {"job_id": job["job_id"]})
    text = russian.messages[0].content.text
    assert "Правила честности" in text and "Есть ответ" in text, text
    told("explain_result_ru", text=text)

    missing = await client.call_tool("get_check", {"job_id": "nothing"})
    assert missing.is_error and "not_found" in missing.content[0].text
    told("refused", text=missing.content[0].text)

    asked = await call(client, "recheck", sources=["courts"], reason="asked by the user", **of_job)
    assert any(row["updating"] for row in asked["job"]["sources"] if row["source"] == "courts")
    told("done")


async def main():
    how, *rest = sys.argv[1:]
    if how == "stdio":
        program, url, key, address = rest
        arguments = ["mcp", "--server", url] + (["--key", key] if key != "-" else [])
        async with Client(StdioServerParameters(command=program, args=arguments)) as client:
            await converse(client, address)
    else:
        url, key, address = rest
        headers = {"authorization": f"Bearer {key}"} if key != "-" else {}
        async with httpx2.AsyncClient(headers=headers, timeout=90, trust_env=False) as http:
            async with Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client:
                await converse(client, address)


asyncio.run(main())
