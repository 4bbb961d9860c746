"""Which handler does which method."""

from __future__ import annotations

from collections.abc import Mapping

from fairlead_agent.docker_calls import attach, changing, following, images, reading, running, stats
from fairlead_agent.docker_calls.call import Handler, answers_once

HANDLERS: Mapping[str, Handler] = {
    "ListContainers": answers_once(reading.list_containers),
    "ListImages": answers_once(reading.list_images),
    "InspectDocker": answers_once(reading.inspect),
    "GetImageHistory": answers_once(reading.history),
    "ReadLogs": following.read_logs,
    "WatchStats": stats.watch_stats,
    "WatchDockerEvents": following.watch_events,
    "CreateContainer": answers_once(changing.create),
    "StartContainer": answers_once(changing.start),
    "StopContainer": answers_once(changing.stop),
    "RestartContainer": answers_once(changing.restart),
    "RemoveContainer": answers_once(changing.remove),
    "AttachContainer": attach.attach,
    "ExecContainer": running.execute,
    "CommitContainer": answers_once(changing.commit),
    "TagImage": answers_once(changing.tag),
    "PullImage": images.pull,
    "BuildImage": images.build,
}
