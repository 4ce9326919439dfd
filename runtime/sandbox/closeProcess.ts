import { registerHooks } from 'node:module';
import net from 'node:net';

/**
 * Takes from this process what a worker never needs, before it runs anybody's code: sockets, signals to others, native
 * code, and whatever is not loaded yet. Node 24's permission model leaves these open, and it does not see what
 * `node:sqlite` opens. This is depth, not the boundary: whoever runs machine code here has what the user of the process
 * has.
 */
export function closeProcess(): void {
  for (const name of Object.keys(process.env)) delete process.env[name];
  close(process, ['kill', 'dlopen', 'binding', '_linkedBinding', 'getBuiltinModule', '_debugProcess'], refuse);
  close(net.Socket.prototype, ['connect'], refuse);
  close(net.Server.prototype, ['listen'], refuse);
  close(net, ['_createServerHandle'], refuse);
  close(globalThis, ['fetch', 'WebSocket', 'EventSource'], undefined);
  // All that a worker needs is loaded: from here on nothing more is, whatever it is called.
  registerHooks({ resolve: refuse });
}

function refuse(): never {
  throw new Error('A script worker has no such thing.');
}

function close(target: object, names: string[], value: unknown): void {
  for (const name of names)
    Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: true });
}
