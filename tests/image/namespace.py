"""A namespace of a cluster: what was rendered, as pods on a Docker network, with the number of replicas it says."""

import asyncio
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.deploy.rendered import Object, of_kind
from tests.image.engine import docker, inspect
from tests.image.pod import Pod
from tests.image.template import PodTemplate
from tests.image.volumes import ProjectedFolder, claimed, content_of, mode_of
from tests.integration.pipeline import until

READY_WITHIN: Final = 180.0
"""Seconds; a member of a group that was killed is missed for 45 s before its partitions move."""
_ROLE: Final = "app.kubernetes.io/component"


class Namespace:
    """Objects of the roles and the topics' Job; `image` stands for the one that they name."""

    def __init__(self, objects: list[Object], image: str, folder: Path) -> None:
        self.name: Final = f"headrace-image-{secrets.token_hex(3)}"
        docker("network", "create", self.name)
        self.gateway: Final[str] = inspect(self.name)["IPAM"]["Config"][0]["Gateway"]
        self.roles: dict[str, list[Pod]] = {}
        self.job: Pod | None = None
        self._objects, self._image, self._folder = objects, image, folder
        self._made: list[Pod] = []
        self._hosts: list[str] = []
        self._folders: dict[str, ProjectedFolder] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove all that is left."""
        left = docker("ps", "--all", "--quiet", f"--filter=network={self.name}").split()
        if left:
            docker("rm", "--force", "--volumes", *left)
        docker("network", "rm", self.name)

    def resolves(self, host: str) -> None:
        """Let pods find a host on this machine."""
        self._hosts.append(f"--add-host={host}:{self.gateway}")

    def folder(self, kind: str, name: str) -> ProjectedFolder:
        """Return the folder of a ConfigMap or a Secret."""
        return self._folders[f"{kind}/{name}"]

    async def apply(self) -> None:
        """Begin all at once, as `kubectl apply` does; return when the Job is done and every pod is ready."""
        (job,) = of_kind(self._objects, "Job")
        self.job = self._pod(job, "0")
        running = asyncio.create_task(self.job.completed())
        for owner in self._workloads():
            role = owner["metadata"]["labels"][_ROLE]
            self.roles[role] = []
            await self.scale(role, owner["spec"]["replicas"], wait=False)
        await running
        await self.all_ready()

    async def scale(self, role: str, replicas: int, *, wait: bool = True) -> None:
        """Begin or stop pods of a role, the last one first, until there are so many."""
        pods = self.roles[role]
        while len(pods) > replicas:
            await pods.pop().stop()
        while len(pods) < replicas:
            pods.append(self._pod(self._owner(role), str(len(pods))))
            pods[-1].begin()
        if wait:
            await self.all_ready()

    async def restart(self, role: str) -> list[float]:
        """Replace the pods of a role one by one, the last one first; return how many seconds each took to end."""
        pods, took = self.roles[role], []
        for number in reversed(range(len(pods))):
            took.append(await pods[number].stop())
            pods[number] = self._pod(self._owner(role), str(number))
            pods[number].begin()
            await self.all_ready()
        return took

    async def stop(self) -> list[float]:
        """Stop all pods; return how many seconds each took."""
        return await asyncio.gather(*(pod.stop() for pod in self.pods()))

    async def all_ready(self) -> None:
        """Wait until every pod is ready."""
        try:
            await until(lambda: all(pod.ready for pod in self.pods()), "every pod is ready", deadline=READY_WITHIN)
        except TimeoutError as error:
            for pod in self.pods():
                if not pod.ready:
                    error.add_note(f"{pod.name}, ended {pod.ends}:\n{await pod.tail()}")
            raise

    def pods(self) -> Iterator[Pod]:
        """Yield the pods that there should be, but not the Job's."""
        return (pod for pods in self.roles.values() for pod in pods)

    def template(self, role: str) -> PodTemplate:
        """Return the template of a role."""
        return PodTemplate(self._owner(role)["spec"]["template"])

    def ends(self) -> list[int]:
        """Return the exit codes of all containers that ended by themselves so far."""
        return [code for pod in self._made for code in pod.ends]

    def wanted_restarts(self) -> list[str]:
        """Return the probes by which a kubelet would have restarted containers."""
        return [f"{pod.name}: {kind}" for pod in self._made for kind in pod.wanted_restarts]

    def _workloads(self) -> list[Object]:
        found = of_kind(self._objects, "StatefulSet") + of_kind(self._objects, "Deployment")
        return [each for each in found if _ROLE in each["metadata"]["labels"]]

    def _owner(self, role: str) -> Object:
        (owner,) = (each for each in self._workloads() if each["metadata"]["labels"][_ROLE] == role)
        return owner

    def _pod(self, owner: Object, number: str) -> Pod:
        """Make a pod of a workload; only those of a StatefulSet have names, and volumes, that stay."""
        template = PodTemplate(owner["spec"]["template"])
        name = re.sub(r"\W", "-", f"{self.name}-{owner['metadata']['name']}-{number}-{len(self._made)}")
        places = dict(self._projected(template))
        for claim in owner["spec"].get("volumeClaimTemplates", ()):
            volume = claim["metadata"]["name"]
            places[volume] = claimed(self._folder / "claims" / f"{volume}-{number}", template.group)
        surroundings = [
            f"--network={self.name}",
            *self._hosts,
            "--no-healthcheck",
        ]  # Kubernetes knows its own probes alone
        self._made.append(Pod(name, template, self._image, places, surroundings))
        return self._made[-1]

    def _projected(self, template: PodTemplate) -> Iterator[tuple[str, Path]]:
        """Yield the folders of ConfigMaps and Secrets by the name of the volume, made where they are not there yet."""
        for name, volume in template.volumes.items():
            if "configMap" in volume:
                folder = self._lay_out("ConfigMap", volume["configMap"]["name"], {})
                if name == "config":
                    (folder / "tenants.d").mkdir(exist_ok=True)  # a kubelet makes what is mounted inside another mount
                yield name, folder
            elif "secret" in volume:
                how = {"mode": mode_of(volume), "group": template.group}
                yield name, self._lay_out("Secret", volume["secret"]["secretName"], how)

    def _lay_out(self, kind: str, name: str, how: Mapping[str, int]) -> Path:
        if f"{kind}/{name}" not in self._folders:
            folder = ProjectedFolder(self._folder / kind / name, **how)
            (each,) = (each for each in of_kind(self._objects, kind) if each["metadata"]["name"] == name)
            folder.swap(content_of(each))
            self._folders[f"{kind}/{name}"] = folder
        return self._folders[f"{kind}/{name}"].path
