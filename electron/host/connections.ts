import type { Connector } from '#runtime/connectors/stepType.ts';
import { openSocket } from '#runtime/engine/ports/openSocket.ts';
import { tryConnection, type WayOut } from '#runtime/engine/ports/tryConnection.ts';
import type { Service } from '#shared/contract/contract.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';
import { parse } from '#shared/parse.ts';
import type { AppDb } from '../store/appDb.ts';
import type { CloudServices } from './cloudServices.ts';
import type { LocalSecrets } from './localSecrets.ts';
import { recordName } from './newRun.ts';
import type { ProjectSet } from './projects.ts';

export type ConnectionCallsDeps = {
  projects: Pick<ProjectSet, 'get'>;
  appDb: AppDb;
  secrets: LocalSecrets;
  cloud: Pick<CloudServices, 'hostedConnections'>;
  connectors: Connector[];
  /** The connectors as plain data, with the JSON Schema of their fields. */
  connectorCatalog: Record<string, { name: string; title: string; hosts?: string[]; schema: JsonObject }>;
};

/** As runs on this computer reach services: private and local addresses too. */
const FROM_HERE: WayOut = { fetch, connect: (target, signal) => openSocket({ ...target, signal }) };

/** What connects a project to outside systems, here and hosted. A secret goes in and never comes out. */
export function connectionCalls(deps: ConnectionCallsDeps): Service<HostApi['connections']> {
  const { projects, appDb, secrets, cloud } = deps;

  function connectorNamed(name: string): Connector {
    const found = deps.connectors.find((one) => one.name === name);
    if (found) return found;
    throw new SluiceError('connection.not_found', `There is no connector "${name}".`, {
      advice: `There are ${deps.connectors.map((one) => one.name).join(', ')}.`,
    });
  }

  return {
    connectors: () => Object.values(deps.connectorCatalog).map((one) => ({ hosts: [], ...one })),

    list: async ({ projectId }) => {
      const tree = (await projects.get(projectId)).tree();
      const hosted = new Set(await cloud.hostedConnections.names(projectId));
      const known = new Map(appDb.connections(projectId).map((row) => [row.name, row]));
      return Object.entries(tree.connections).map(([name, { connector }]) => {
        const record = recordName(tree, name, 'local');
        const local = secrets.get(projectId, record) !== undefined;
        return { name, connector, hosts: known.get(record)?.hosts ?? [], local, hosted: hosted.has(name) };
      });
    },

    set: async ({ projectId, name, connector, where, secret, hosts }) => {
      parse(connectorNamed(connector).connection, secret, `The connection "${name}"`, 'config.invalid');
      const project = await projects.get(projectId);
      if (where === 'hosted') await cloud.hostedConnections.set({ projectId, name, connector, secret, hosts });
      else {
        const record = recordName(project.tree(), name, 'local');
        await secrets.set(projectId, record, { connector, secret, hosts });
        appDb.saveConnection(projectId, { name: record, connector, hosts });
      }
      if (project.tree().connections[name]?.connector !== connector)
        project.edit([{ type: 'setConnection', name, connector }]);
      return { done: true };
    },

    test: async ({ projectId, where, url, ...entered }) => {
      const { connector, hosts } = entered;
      if (where === 'hosted') {
        return cloud.hostedConnections.test({ projectId, ...entered, ...(url === undefined ? {} : { url }) });
      }
      const { connection, title } = connectorNamed(connector);
      const secret = parse(connection, entered.secret, `The ${title} connection`, 'config.invalid') as JsonObject;
      return tryConnection(FROM_HERE, { connector, secret, hosts }, url);
    },
  };
}
