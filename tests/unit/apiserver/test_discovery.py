"""Discovery in its three forms, and the answers about the server itself."""

import pytest

from shoal.api.status import ApiError
from shoal.apiserver.exchange import Request, User
from shoal.client.protocol import Client
from shoal.testing.cluster import MemoryCluster

_FORM = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
KUBECTL_1_30 = f"{_FORM.format('v2')},{_FORM.format('v2beta1')},application/json"


async def test_the_aggregated_form_follows_what_the_client_can_read(client: Client):
    for accept, version in ((KUBECTL_1_30, "v2"), (_FORM.format("v2beta1"), "v2beta1")):
        answer = await client.request("GET", "/apis", accept=accept)
        assert answer["apiVersion"] == f"apidiscovery.k8s.io/{version}"
    assert (await client.request("GET", "/apis"))["kind"] == "APIGroupList"
    assert (await client.request("GET", "/api"))["kind"] == "APIVersions"


async def test_the_content_type_says_which_form_it_is(cluster: MemoryCluster):
    request = Request("GET", "/api", headers={"accept": KUBECTL_1_30})
    response = await cluster.endpoints.answer(request)
    assert response.content_type == _FORM.format("v2")
    headers = dict(response.headers)
    assert headers["Vary"] == "Accept"
    again = Request(
        "GET", "/api", headers={"accept": KUBECTL_1_30, "if-none-match": headers["ETag"]}
    )
    assert (await cluster.endpoints.answer(again)).status == 304


async def test_resources_are_described_with_names_and_subresources(client: Client):
    listed = (await client.request("GET", "/api/v1"))["resources"]
    by_name = {resource["name"]: resource for resource in listed}
    assert by_name["pods"]["shortNames"] == ["po"]
    assert by_name["pods/eviction"]["group"] == "policy"
    assert by_name["namespaces/finalize"]["verbs"] == ["update"]
    custom = (await client.request("GET", "/apis/stable.io/v1"))["resources"]
    assert [resource["name"] for resource in custom] == [
        "crontabs", "crontabs/scale", "crontabs/status",
    ]  # fmt: skip


async def test_versions_are_listed_best_first(client: Client):
    group = await client.request("GET", "/apis/stable.io")
    assert [version["version"] for version in group["versions"]] == ["v1", "v1beta1"]
    assert group["preferredVersion"]["version"] == "v1"


async def test_the_server_says_what_it_is(client: Client, cluster: MemoryCluster):
    assert (await client.request("GET", "/version"))["minor"] == "36"
    for path in ("/healthz", "/livez", "/readyz"):
        assert (await cluster.endpoints.answer(Request("GET", path))).body == b"ok"


async def test_reviews_answer_who_asks(cluster: MemoryCluster):
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    request = Request("POST", path, body=b"{}", user=User("ada", groups=("people",)))
    response = await cluster.endpoints.answer(request)
    assert response.status == 201
    assert b'"username":"ada"' in response.body


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/api/v2", 404),
        ("GET", "/apis/nothing.io", 404),
        ("GET", "/api/v1/cows", 404),
        ("GET", "/api/v1/namespaces/default/pods/web/cows", 404),
        ("GET", "/apis/apps/v1/namespaces/default/deployments/a/b/c", 404),
        ("PUT", "/api/v1/namespaces/default/pods", 405),
        ("POST", "/api/v1/pods", 405),
        ("POST", "/apis", 405),
        ("GET", "/apis/authentication.k8s.io/v1/selfsubjectreviews", 405),
        ("DELETE", "/api/v1/namespaces/default/pods/web/status", 405),
        ("GET", "/api/v1/namespaces/default/pods/web/binding", 405),
    ],
)
async def test_paths_and_methods_that_do_not_exist_are_refused(
    client: Client, method: str, path: str, code: int
):
    with pytest.raises(ApiError) as raised:
        await client.request(method, path, body={} if method != "GET" else None)
    assert raised.value.code == code
