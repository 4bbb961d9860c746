"""All steps from a machine without Docker to a pod in a cluster, as data."""

from __future__ import annotations

from functools import partial

from fairlead_cli.lab import (
    cluster,
    controller_process,
    engine,
    front,
    images,
    install,
    kubectl,
    network,
    registry,
    registry_program,
    servers,
    unpacked,
    walk,
)
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.steps import Act, Done, Say, Step


def steps(lab: Lab, stock: images.Stock | None = None) -> list[Step]:
    """The steps of `lab up`, each saying what must have ended before it; `stock` is where its images come from."""
    stock = stock or images.Stock()
    start = partial(start_controller, lab, stock)
    shared = [
        Step("engine", "Docker Engine", find_engine, lambda say: str(engine.ensure())),
        Step("lab images", "Images for the lab", partial(find_lab_images, stock), load_into(stock), ("engine",)),
        Step("network", "Network", partial(find_network, lab), lambda say: make_network(lab), ("engine",)),
        Step("images", "Images for servers", *looked_up(stock, *images.ON_SERVERS), ("lab images",)),
        Step("agent image", "Image of the agent", *looked_up(stock, images.AGENT), ("images",)),
        Step("unpacked", "Images, unpacked", partial(find_unpacked, stock), partial(unpack, lab, stock), AFTER_IMAGES),
        Step("registry", "Registry", partial(find_registry, lab, stock), partial(make_registry, lab, stock), AFTER_LAB),
        Step("controller", "Controller", partial(find_controller, lab), start, AFTER_LAB),
    ]
    prepared = tuple(f"{what} {node}" for node in lab.nodes for what in ("agent", "images"))
    end = [
        Step("kubectl", "kubectl", find_kubectl, partial(kubectl.ensure, stock.program), ("images",)),
        Step("cluster", "Cluster", partial(find_cluster, lab), partial(make_cluster, lab), (*prepared, "kubectl")),
        Step("walk", "A pod in it", partial(find_walk, lab), partial(walk.walk, lab), ("cluster", "registry")),
    ]
    return shared + [step for node in lab.nodes for step in steps_of_server(lab, node, stock)] + end


AFTER_LAB = ("lab images", "network")
AFTER_IMAGES = ("images", "network")


def steps_of_server(lab: Lab, node: str, stock: images.Stock) -> list[Step]:
    """A server, the images on it, the agent on it."""
    server, load, agent = (f"{what} {node}" for what in ("server", "images", "agent"))
    there, make = partial(find_server, node), partial(make_server, lab, node, stock)
    loaded, fill = partial(find_loaded, node, stock), partial(load_images, node, stock)
    heard, install_it = partial(find_agent, lab, node, stock), partial(install_agent, lab, node, stock)
    return [
        Step(server, f"Server {node}", there, make, ("unpacked",)),
        Step(agent, f"Agent on {node}", heard, install_it, (server, "agent image", "controller")),
        Step(load, f"Images on {node}", loaded, fill, (server,)),
    ]


def find_engine() -> str | None:
    """Whether a Docker Engine answers."""
    return str(engine.ensure()) if engine.version() else None


def find_lab_images(stock: images.Stock) -> str | None:
    """Whether the outer Engine has the lab's own images."""
    found = stock.find(images.FOR_THE_LAB)
    return None if found is None or images.lacking_here(found) else f"{len(found)} images"


def load_into(stock: images.Stock) -> Act:
    """Builds the lab's own images and loads them into the outer Engine."""
    return lambda say: images.counted(stock.load(images.FOR_THE_LAB, say))


def looked_up(stock: images.Stock, *names: str) -> tuple[Done, Act]:
    """How to see whether the cache has images, and how to build them, or pull them where a registry answers."""

    def find() -> str | None:
        found = stock.find(names)
        return f"{len(found)} image{'s' if len(found) > 1 else ''}" if found else None

    return find, lambda say: images.counted(stock.build(names, say))


def find_unpacked(stock: images.Stock) -> str | None:
    """Whether the images of servers lie unpacked in the cache."""
    server, *rest = stock.get(images.SERVER, *images.ON_SERVERS)
    return "kept from before" if unpacked.find(server, rest) else None


def unpack(lab: Lab, stock: images.Stock, say: Say) -> str:
    """Unpacks the images of servers once for all of them, where that can be done."""
    server, *rest = stock.get(images.SERVER, *images.ON_SERVERS)
    done = unpacked.make(lab, network.addresses(lab), server, rest, say)
    return "once for all servers" if done else "not on this machine: each server loads them"


def find_network(lab: Lab) -> str | None:
    """Whether the lab's network is there."""
    found = network.find(lab)
    return str(found.range) if found else None


def make_network(lab: Lab) -> str:
    """Makes the lab's network and the folder of its state."""
    lab.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return str(network.create(lab).range)


def find_server(node: str) -> str | None:
    """Whether a server runs."""
    version = servers.engine_version(node)
    return f"Docker {version}" if version else None


def make_server(lab: Lab, node: str, stock: images.Stock, say: Say) -> str:
    """Makes or starts a server."""
    say("starting its Docker Engine")
    server, *rest = stock.get(images.SERVER, *images.ON_SERVERS)
    place = unpacked.find(server, rest)

    def fill(volume: str) -> None:
        if place is not None:
            unpacked.give(place, volume)

    return f"Docker {servers.ensure(lab, node, network.addresses(lab), server.images[0], fill)}"


def find_loaded(node: str, stock: images.Stock) -> str | None:
    """Whether a server's Docker has the components' images as they are now."""
    wanted = stock.get(*images.COMPONENTS)
    return None if images.lacking_on(node, wanted) else f"{len(wanted)} images"


def load_images(node: str, stock: images.Stock, say: Say) -> str:
    """Loads into a server's Docker what it lacks."""
    return images.load(node, stock.get(*images.COMPONENTS), say)


def find_registry(lab: Lab, stock: images.Stock) -> str | None:
    """Whether the registry runs and has nginx."""
    [content] = stock.get(images.NGINX)
    return f"has {content.images[0]}" if registry.has(lab, content) else None


def make_registry(lab: Lab, stock: images.Stock, say: Say) -> str:
    """Starts the registry and pushes nginx to it."""
    say("pushing nginx")
    image, content = stock.get(images.REGISTRY, images.NGINX)
    return registry.ensure(lab, network.addresses(lab), image, content)


def find_controller(lab: Lab) -> str | None:
    """Whether the controller listens."""
    addresses = network.addresses(lab)
    return f"listens at {addresses.host}" if controller_process.is_up(lab, addresses) else None


def start_controller(lab: Lab, stock: images.Stock, say: Say) -> str:
    """Initialises and starts the controller, with the fleet's registry if that can be had."""
    [image] = stock.get(images.REGISTRY)
    if why_not := registry_program.ensure(lab, image.images[0]):
        say(f"without a registry for images: {why_not}")
    say("starting")
    return controller_process.ensure(lab, network.addresses(lab))


def find_agent(lab: Lab, node: str, stock: images.Stock) -> str | None:
    """Whether the agent runs, as it is now, and is heard."""
    [agent] = stock.get(images.AGENT)
    return "connected" if install.is_installed(lab, node, agent.image_id) else None


def install_agent(lab: Lab, node: str, stock: images.Stock, say: Say) -> str:
    """Does on the server what `fairlead token create` tells: loads the agent's image and pastes its lines."""
    [agent] = stock.get(images.AGENT)
    images.load(node, [agent], say)
    say("running the lines of `fairlead token create`")
    return install.ensure(lab, node, agent.image_id)


def find_kubectl() -> str | None:
    """Whether there is a kubectl."""
    found = kubectl.find()
    return front.shorter(found) if found else None


def find_cluster(lab: Lab) -> str | None:
    """Whether every server is a Ready node."""
    return f"{len(lab.nodes)} of {len(lab.nodes)} nodes Ready" if cluster.is_ready(lab) else None


def make_cluster(lab: Lab, say: Say) -> str:
    """Applies the spec and waits until every server is a Ready node."""
    say("fairlead apply -f deploy/lab/cluster.yaml")
    return cluster.ensure(lab, say)


def find_walk(lab: Lab) -> str | None:
    """Whether the walk went well on this lab."""
    return "walked before" if lab.walked.exists() else None
