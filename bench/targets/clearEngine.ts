import type Docker from 'dockerode';

/** Takes everything of one installation off a Docker engine: containers, networks, volumes, images. */
export async function clearEngine(docker: Docker, installation: string): Promise<void> {
  const filters = JSON.stringify({ label: [`sluice.installation=${installation}`] });
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker.getContainer(Id).remove({ force: true });
  }
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove();
  const { Volumes } = await docker.listVolumes({ filters });
  for (const { Name } of Volumes) await docker.getVolume(Name).remove();
  for (const { Id } of await docker.listImages({ filters })) await docker.getImage(Id).remove({ force: true });
}
