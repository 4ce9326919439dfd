import { execFileSync } from 'node:child_process';

const run = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8' }).trim();

/** The few things the demo asks of Docker itself, past the product. */
export const Docker = {
  async findContainer(workspaceId: string): Promise<string> {
    const ids = run('ps', '--no-trunc', '--format', '{{.ID}} {{.Labels}}')
      .split('\n')
      .filter((line) => line.includes(workspaceId))
      .map((line) => line.split(' ')[0] ?? '');
    const [id] = ids;
    if (!id) throw new Error('The workspace has no running container.');
    return id;
  },
  async kill(id: string): Promise<void> {
    run('kill', '--signal', 'KILL', id);
  },
};
