import type { ContainerCreateOptions } from 'dockerode';
import { IMAGE_UID } from '../image/runtimeImage.ts';

/** Nothing answers there: names of the outside world are the proxy's to resolve, not the container's. */
const NO_RESOLVER = '127.0.0.1';
const MB = 1024 * 1024;

type Hardened = {
  image: string;
  command: string[];
  env: Record<string, string>;
  labels: Record<string, string>;
  ramBytes: number;
  cpu: number;
  pids: number;
  /** Mounted at `/data`; without one the container keeps nothing. */
  volume?: string;
  network: string;
  address?: string;
  /** Only the proxy resolves names. */
  resolves: boolean;
  /** Another engine runtime than the default: `runsc` for gVisor. */
  engineRuntime?: string;
};

/** The settings of reliability-security.md 2.9, the same for tenants and for the proxy; the seccomp profile is the engine's default. */
export function hardenedContainer(of: Hardened): ContainerCreateOptions {
  return {
    Image: of.image,
    User: `${IMAGE_UID}:${IMAGE_UID}`,
    Cmd: of.command,
    Env: Object.entries(of.env).map(([name, value]) => `${name}=${value}`),
    Labels: of.labels,
    Hostname: 'sluice',
    StopSignal: 'SIGTERM',
    HostConfig: {
      ReadonlyRootfs: true,
      Tmpfs: { '/tmp': 'rw,noexec,nosuid,nodev,size=64m,mode=1777' },
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      Privileged: false,
      PidsLimit: of.pids,
      Memory: of.ramBytes,
      MemorySwap: of.ramBytes, // equal to memory: no swap
      NanoCpus: Math.round(of.cpu * 1e9),
      OomScoreAdj: 500,
      IpcMode: 'private',
      ShmSize: 16 * MB,
      Mounts: of.volume ? [{ Type: 'volume', Source: of.volume, Target: '/data' }] : [],
      NetworkMode: of.network,
      Dns: of.resolves ? [] : [NO_RESOLVER],
      DnsOptions: of.resolves ? [] : ['timeout:1', 'attempts:1'],
      Sysctls: { 'net.ipv6.conf.all.disable_ipv6': '1', 'net.ipv4.ip_forward': '0' },
      Ulimits: [
        { Name: 'nofile', Soft: 4096, Hard: 4096 },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '5m', 'max-file': '2' } },
      RestartPolicy: { Name: 'no' },
      ...(of.engineRuntime ? { Runtime: of.engineRuntime } : {}),
    },
    ...(of.address
      ? { NetworkingConfig: { EndpointsConfig: { [of.network]: { IPAMConfig: { IPv4Address: of.address } } } } }
      : {}),
  };
}
