import type Docker from 'dockerode';
import { SluiceError } from '#shared/error.ts';
import type { ContainerDriver } from './containerDriver.ts';
import { createDockerDriver, type DockerDriverDeps } from './docker/dockerDriver.ts';
import { findEngine } from './docker/engine.ts';
import { createProcessDriver, type ProcessDriverDeps } from './process/processDriver.ts';

const ENGINE_MS = 2_000;

type ChooseDeps = Omit<DockerDriverDeps, 'docker'> & ProcessDriverDeps & { find?: () => Promise<Docker | undefined> };

/**
 * The driver that was asked for; with `auto`, Docker where an engine answers within 2 s, else processes, said plainly.
 *
 * @throws SluiceError container.not_available where Docker was asked for and no engine answers
 */
export async function chooseDriver(
  wanted: 'auto' | 'docker' | 'process',
  { find = () => findEngine(ENGINE_MS), ...deps }: ChooseDeps,
): Promise<ContainerDriver> {
  if (wanted === 'process') return createProcessDriver(deps);
  const docker = await find();
  if (docker) return createDockerDriver({ ...deps, docker });
  if (wanted === 'docker') {
    throw new SluiceError('container.not_available', 'CONTAINER_DRIVER is docker, and no Docker engine answers.', {
      advice: 'Start the engine, or set DOCKER_HOST to one that runs, or choose CONTAINER_DRIVER=process.',
    });
  }
  deps.log.warn('No Docker engine answered within 2 s: workspaces run as processes.');
  return createProcessDriver(deps);
}
