"""A Hub on loopback: the part of its HTTP API that the unmodified huggingface_hub client uses.

Repos with commits, branches and pull requests; small files inside commits, large ones through the
LFS batch, upload and verify routes and, on the way back, a redirect to another host, as the real
Hub does it; private and gated repos and tokens; Space variables. It records every request, and it
can be told to fail: with a status, by falling silent, by cutting a body in the middle.

Not here: Xet, search, discussions, quotas. Run it by itself to try things by hand:

    python -m tests.hub_server
"""

import asyncio
import base64
import hashlib
import json
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

TOKENS = {"hf_owner": "owner", "hf_reader": "reader"}
INLINE_BYTES = 10_000_000  # larger files, and those that .gitattributes names, are LFS
LFS_SUFFIXES = (".safetensors", ".bin", ".pt", ".zip", ".npz")


@dataclass(frozen=True)
class Blob:
    """A file of a commit; `large` ones live in the LFS store."""

    content: bytes
    large: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def git_oid(self) -> str:
        """The hash by which git knows it: of the content, or of the pointer of a large file."""
        body = self.content
        if self.large:
            body = (
                "version https://git-lfs.github.com/spec/v1\n"
                f"oid sha256:{self.sha256}\nsize {len(self.content)}\n"
            ).encode()
        return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


Tree = dict[str, Blob]


@dataclass
class Repo:
    """A repo: commits by hash (its files), refs by name (a commit's hash)."""

    kind: str
    name: str
    private: bool = False
    gated: bool = False
    sdk: str | None = None
    commits: dict[str, Tree] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    def commit(self, ref: str, tree: Tree, message: str) -> str:
        listing = [(path, blob.git_oid) for path, blob in sorted(tree.items())]
        text = json.dumps([self.kind, self.name, message, self.refs.get(ref), listing])
        commit = hashlib.sha1(text.encode()).hexdigest()
        self.commits[commit] = tree
        self.refs[ref] = commit
        self.messages.append(message)
        return commit


@dataclass
class Fault:
    """What goes wrong, and where: `route` is the name of a route, `times` how often.

    `how` is "status" (answers `status`), "stall" (accepts and never answers) or "cut" (sends half
    of the body, then hangs up). `header` is added to a status answer.
    """

    route: str
    how: str
    status: int = 500
    times: int = 1_000_000
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """A request as it came in."""

    route: str
    method: str
    path: str
    token: str | None
    range: str | None
    body: bytes


class HubServer:
    """The loopback Hub; `with HubServer().running() as hub: ... hub.url`."""

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.large: dict[str, bytes] = {}
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.lie: Callable[[dict[str, Any]], None] = lambda info: None  # edits repo infos
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def store_url(self) -> str:
        """Where large files are stored: another host, which must not see anybody's token."""
        return f"http://localhost:{self.port}"

    def repo(self, name: str, kind: str = "model") -> Repo:
        return self.repos[kind, name]

    def routes_called(self) -> list[str]:
        return [call.route for call in self.calls]

    def reset(self) -> None:
        """Forget the record and the faults; the repos stay."""
        self.calls.clear()
        self.faults.clear()
        self.lie = lambda info: None

    def add_repo(self, name: str, files: dict[str, bytes], kind: str = "model", **more: Any) -> str:
        """A repo with one commit on main, made without HTTP; returns the commit."""
        repo = Repo(kind, name, **more)
        self.repos[kind, name] = repo
        tree = {path: Blob(content, path.endswith(LFS_SUFFIXES)) for path, content in files.items()}
        self.large |= {blob.sha256: blob.content for blob in tree.values() if blob.large}
        return repo.commit("main", tree, "initial commit")

    @contextmanager
    def running(self) -> Iterator["HubServer"]:
        """Serve on a free loopback port, in a thread, until the block ends."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self.app(), log_level="critical", lifespan="off", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            while not server.started:
                thread.join(0.01)
            yield self
        finally:
            server.should_exit = True
            thread.join(5)
            listener.close()

    def app(self) -> Starlette:
        kind, repo = "{kind:plural}", "{owner}/{name}"
        table: list[tuple[str, str, str, Callable[..., Response]]] = [
            ("validate", "POST", "/api/validate-yaml", self._validate),
            ("create", "POST", "/api/repos/create", self._create),
            ("variables", "POST", f"/api/spaces/{repo}/variables", self._set_variable),
            ("info", "GET", f"/api/{kind}/{repo}", self._info),
            ("info", "GET", f"/api/{kind}/{repo}/revision/{{rev:path}}", self._info),
            ("tree", "GET", f"/api/{kind}/{repo}/tree/{{rev:path}}", self._tree),
            ("branch", "POST", f"/api/{kind}/{repo}/branch/{{branch:path}}", self._branch),
            ("preupload", "POST", f"/api/{kind}/{repo}/preupload/{{rev:path}}", self._preupload),
            ("commit", "POST", f"/api/{kind}/{repo}/commit/{{rev:path}}", self._commit),
            ("batch", "POST", f"/{repo}.git/info/lfs/objects/batch", self._batch),
            ("batch", "POST", f"/spaces/{repo}.git/info/lfs/objects/batch", self._batch),
            ("verify", "POST", "/lfs/verify", self._verify),
            ("upload", "PUT", "/lfs/{oid}", self._upload),
            ("store", "GET", "/lfs/{oid}", self._store),
            ("resolve", "GET", f"/{repo}/resolve/{{rev}}/{{path:path}}", self._resolve),
            ("resolve", "GET", f"/spaces/{repo}/resolve/{{rev}}/{{path:path}}", self._resolve),
        ]
        return Starlette(
            routes=[
                # The plural of a kind is matched by hand: Starlette's paths know no alternatives.
                Route(
                    path.replace("{kind:plural}", "{kind}"),
                    self._endpoint(name, handler),
                    methods=[method],
                )
                for name, method, path, handler in table
            ]
        )

    def _endpoint(self, name: str, handler: Callable[..., Response]) -> Callable[..., Any]:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            token = request.headers.get("authorization", "").removeprefix("Bearer ") or None
            span = request.headers.get("range")
            self.calls.append(Call(name, request.method, request.url.path, token, span, body))
            fault = self._fault(name, request.method)
            if fault is not None and fault.how == "stall":
                await asyncio.sleep(3600)
            if fault is not None and fault.how == "status":
                return JSONResponse(
                    {"error": "told to fail"}, status_code=fault.status, headers=fault.headers
                )
            try:
                response = handler(request, body, token)
            except Refusal as refusal:
                return refusal.response()
            return _cut(response) if fault is not None else response

        return endpoint

    def _fault(self, route: str, method: str) -> Fault | None:
        for fault in self.faults:
            if fault.route == route and fault.times > 0:
                if fault.how == "cut" and method == "HEAD":
                    continue
                fault.times -= 1
                return fault
        return None

    # Repos

    def _find(self, request: Request, token: str | None, write: bool = False) -> Repo:
        owner, name = request.path_params["owner"], request.path_params["name"]
        kind = request.path_params.get("kind", "").rstrip("s")
        kind = kind or (
            "space" if request.url.path.startswith(("/spaces/", "/api/spaces/")) else "model"
        )
        user = self._user(token)
        repo = self.repos.get((kind, f"{owner}/{name}"))
        if repo is None or (repo.private and user != owner):
            if user is None:  # the Hub does not say whether it exists
                raise Refusal(401, None, "Invalid username or password.")
            raise Refusal(404, "RepoNotFound", "Repository not found")
        if write and user != owner:
            raise Refusal(403, None, "You don't have the required permissions")
        return repo

    def _user(self, token: str | None) -> str | None:
        if token is not None and token not in TOKENS:
            raise Refusal(401, None, "Invalid credentials in Authorization header")
        return TOKENS[token] if token else None

    def _at(self, repo: Repo, revision: str) -> tuple[str, Tree]:
        commit = repo.refs.get(unquote(revision), unquote(revision))
        if commit not in repo.commits:
            raise Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit, repo.commits[commit]

    def _create(self, request: Request, body: bytes, token: str | None) -> Response:
        asked = json.loads(body)
        owner = asked.get("organization") or self._user(token)
        if self._user(token) is None:
            raise Refusal(401, None, "Invalid username or password.")
        if owner != self._user(token):
            raise Refusal(403, None, f"You don't have the rights to create under '{owner}'")
        kind, name = asked.get("type", "model"), f"{owner}/{asked['name']}"
        prefix = {"space": "spaces/"}.get(kind, "")
        answer = {"url": f"{self.url}/{prefix}{name}"}
        if (kind, name) in self.repos:
            answer["error"] = "You already created this repo"
            return JSONResponse(answer, status_code=409)
        repo = Repo(kind, name, asked.get("visibility") == "private", sdk=asked.get("sdk"))
        repo.commit(
            "main", {".gitattributes": Blob(b"*.safetensors filter=lfs\n", False)}, "initial"
        )
        self.repos[kind, name] = repo
        return JSONResponse(answer)

    def _info(self, request: Request, body: bytes, token: str | None) -> Response:
        repo = self._find(request, token)
        commit, tree = self._at(repo, request.path_params.get("rev", "main"))
        siblings = [
            {"rfilename": path, "size": len(blob.content), "blobId": blob.git_oid}
            | ({"lfs": _lfs_size(blob)} if blob.large else {})
            for path, blob in tree.items()
        ]
        info = {
            "id": repo.name, "modelId": repo.name, "sha": commit, "private": repo.private,
            "gated": "manual" if repo.gated else False, "tags": [], "siblings": siblings,
        }  # fmt: skip
        self.lie(info)
        return JSONResponse(info)

    def _tree(self, request: Request, body: bytes, token: str | None) -> Response:
        _, tree = self._at(self._find(request, token), request.path_params["rev"])
        return JSONResponse(
            [
                {"type": "file", "path": path, "size": len(blob.content), "oid": blob.git_oid}
                | ({"lfs": _lfs_oid(blob)} if blob.large else {})
                for path, blob in tree.items()
            ]
        )

    def _branch(self, request: Request, body: bytes, token: str | None) -> Response:
        repo = self._find(request, token, write=True)
        branch = unquote(request.path_params["branch"])
        if branch in repo.refs:
            raise Refusal(409, None, "Reference already exists")
        start = json.loads(body or b"{}").get("startingPoint", "main")
        repo.refs[branch] = self._at(repo, start)[0]
        return JSONResponse({})

    def _set_variable(self, request: Request, body: bytes, token: str | None) -> Response:
        repo = self._find(request, token, write=True)
        asked = json.loads(body)
        repo.variables[asked["key"]] = asked["value"]
        return JSONResponse({k: {"key": k, "value": v} for k, v in repo.variables.items()})

    # Up

    def _validate(self, request: Request, body: bytes, token: str | None) -> Response:
        """Front matter as the Hub checks it: YAML, and the form of a `model-index`."""
        problems = front_matter_problems(json.loads(body)["content"])
        errors = [{"message": problem} for problem in problems]
        return JSONResponse({"errors": errors, "warnings": []}, status_code=400 if errors else 200)

    def _preupload(self, request: Request, body: bytes, token: str | None) -> Response:
        create_pr = request.query_params.get("create_pr") == "1"
        repo = self._find(request, token, write=not create_pr)
        _, tree = self._at(repo, request.path_params["rev"])
        answers = []
        for file in json.loads(body)["files"]:
            path, size = file["path"], file["size"]
            large = size > INLINE_BYTES or path.endswith(LFS_SUFFIXES)
            answer = {"path": path, "uploadMode": "lfs" if large else "regular"}
            old = tree.get(path)
            oid = old and (old.sha256 if old.large else old.git_oid)
            answers.append(answer | {"shouldIgnore": False, "oid": oid})
        return JSONResponse({"files": answers})

    def _batch(self, request: Request, body: bytes, token: str | None) -> Response:
        self._find(request, token)
        objects = []
        for item in json.loads(body)["objects"]:
            answer = {"oid": item["oid"], "size": item["size"]}
            if item["oid"] not in self.large:
                answer["actions"] = {
                    "upload": {"href": f"{self.store_url}/lfs/{item['oid']}"},
                    "verify": {"href": f"{self.url}/lfs/verify"},
                }
            objects.append(answer)
        return JSONResponse({"transfer": "basic", "objects": objects})

    def _upload(self, request: Request, body: bytes, token: str | None) -> Response:
        if hashlib.sha256(body).hexdigest() != request.path_params["oid"]:
            raise Refusal(400, None, "The content does not match its hash")
        self.large[request.path_params["oid"]] = body
        return Response()

    def _verify(self, request: Request, body: bytes, token: str | None) -> Response:
        asked = json.loads(body)
        if len(self.large.get(asked["oid"], b"")) != asked["size"]:
            raise Refusal(404, None, "Not uploaded")
        return JSONResponse({})

    def _commit(self, request: Request, body: bytes, token: str | None) -> Response:
        create_pr = request.query_params.get("create_pr") == "1"
        repo = self._find(request, token, write=not create_pr)
        _, tree = self._at(repo, request.path_params["rev"])
        tree, message = dict(tree), ""
        for line in body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "header":
                message = value["summary"]
            elif item["key"] == "file":
                tree[value["path"]] = Blob(base64.b64decode(value["content"]), False)
            elif item["key"] == "lfsFile":
                tree[value["path"]] = Blob(self.large[value["oid"]], True)
            elif item["key"] == "deletedFile":
                del tree[value["path"]]
        numbers = [ref for ref in repo.refs if ref.startswith("refs/pr/")]
        ref = f"refs/pr/{len(numbers) + 1}" if create_pr else unquote(request.path_params["rev"])
        commit = repo.commit(ref, tree, message)
        page = f"{self.url}/{'spaces/' if repo.kind == 'space' else ''}{repo.name}"
        answer = {"success": True, "commitOid": commit, "commitUrl": f"{page}/commit/{commit}"}
        if create_pr:
            answer["pullRequestUrl"] = f"{page}/discussions/{len(numbers) + 1}"
        return JSONResponse(answer)

    # Down

    def _resolve(self, request: Request, body: bytes, token: str | None) -> Response:
        repo = self._find(request, token)
        if repo.gated and self._user(token) != repo.name.partition("/")[0]:
            status = 403 if token else 401
            raise Refusal(status, "GatedRepo", f"Access to model {repo.name} is restricted")
        commit, tree = self._at(repo, request.path_params["rev"])
        headers = {"X-Repo-Commit": commit}
        blob = tree.get(request.path_params["path"])
        if blob is None:
            raise Refusal(404, "EntryNotFound", "Entry not found", headers)
        if blob.large:
            headers |= {
                "Location": f"{self.store_url}/lfs/{blob.sha256}",
                "X-Linked-Etag": f'"{blob.sha256}"',
                "X-Linked-Size": str(len(blob.content)),
            }
            return Response(status_code=302, headers=headers)
        return Response(blob.content, headers=headers | {"ETag": f'"{blob.git_oid}"'})

    def _store(self, request: Request, body: bytes, token: str | None) -> Response:
        content = self.large[request.path_params["oid"]]
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if span is None:
            return Response(content, headers={"Accept-Ranges": "bytes"})
        start, end = int(span[1]), int(span[2] or len(content) - 1)
        if start >= len(content):
            raise Refusal(416, None, "Range not satisfiable")
        return Response(
            content[start : end + 1],
            status_code=206,
            headers={"Content-Range": f"bytes {start}-{end}/{len(content)}"},
        )


class Refusal(Exception):
    """An answer that is an error, as the Hub words it: in headers and as JSON."""

    def __init__(
        self, status: int, code: str | None, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {"X-Error-Message": message} | (headers or {})
        if code:
            self.headers["X-Error-Code"] = code

    def response(self) -> Response:
        return JSONResponse({"error": str(self)}, status_code=self.status, headers=self.headers)


def front_matter_problems(card: str) -> list[str]:
    """What the Hub would say against the front matter of a README.md."""
    found = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    if found is None:
        return []
    try:
        content = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        return [f"not YAML: {error}"]
    problems = []
    for model in content.get("model-index", []):
        for result in model["results"]:
            if not result.get("task", {}).get("type"):
                problems.append('"model-index[0].results[0].task.type" is required')
            if not {"type", "name"} <= result.get("dataset", {}).keys():
                problems.append('"model-index[0].results[0].dataset" needs type and name')
            for metric in result.get("metrics", []):
                if "value" not in metric or not metric.get("type"):
                    problems.append('"metrics[0]" needs type and value')
    if "license" in content and not isinstance(content["license"], (str, list)):
        problems.append('"license" must be a string or a list')
    return problems


def _lfs_size(blob: Blob) -> dict[str, Any]:
    return {"sha256": blob.sha256, "size": len(blob.content), "pointerSize": 134}


def _lfs_oid(blob: Blob) -> dict[str, Any]:
    return {"oid": blob.sha256, "size": len(blob.content), "pointerSize": 134}


def _cut(response: Response) -> Response:
    """The same answer, hung up on in the middle of its body."""
    body = bytes(response.body)

    async def half() -> AsyncIterator[bytes]:
        yield body[: len(body) // 2]
        await asyncio.sleep(0.05)  # let the half arrive
        raise ConnectionResetError("told to cut")

    headers = dict(response.headers) | {"content-length": str(len(body))}
    return StreamingResponse(half(), status_code=response.status_code, headers=headers)


if __name__ == "__main__":
    with HubServer().running() as hub:
        print(f"HF_ENDPOINT={hub.url} HF_TOKEN=hf_owner HF_HUB_DISABLE_XET=1")
        threading.Event().wait()
