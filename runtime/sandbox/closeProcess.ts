import childProcess from 'node:child_process';
import dgram from 'node:dgram';
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

/**
 * Takes from this process what a worker never needs, before it runs anybody's code: sockets, names of hosts, signals to
 * others, native code. Node 24's permission model leaves these open. This is depth, not the boundary: whoever runs
 * machine code here has what the user of the process has.
 */
export function closeProcess(): void {
  const refuse = (): never => {
    throw new Error('A script worker has no such thing.');
  };
  for (const name of Object.keys(process.env)) delete process.env[name];
  close(process, ['kill', 'dlopen', 'binding', '_linkedBinding', 'getBuiltinModule', '_debugProcess'], refuse);
  close(net.Socket.prototype, ['connect'], refuse);
  close(net.Server.prototype, ['listen'], refuse);
  close(net, ['connect', 'createConnection', 'createServer', '_createServerHandle'], refuse);
  close(dgram.Socket.prototype, ['bind', 'connect', 'send'], refuse);
  close(dgram, ['createSocket', '_createSocketHandle'], refuse);
  const names = Object.keys(dns).filter((name) => typeof Reflect.get(dns, name) === 'function');
  close(dns, names, refuse);
  const promised = Object.keys(dns.promises).filter((name) => typeof Reflect.get(dns.promises, name) === 'function');
  close(dns.promises, promised, refuse);
  close(childProcess, ['spawn', 'spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork'], refuse);
  close(globalThis, ['fetch', 'WebSocket', 'EventSource', 'XMLHttpRequest'], undefined);
  syncBuiltinESMExports();
}

function close(target: object, names: string[], value: unknown): void {
  for (const name of names)
    Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: true });
}
