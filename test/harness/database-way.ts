import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to the server that a test can break, in the middle of a connection. */
export interface DatabaseWay {
  /** The database's URL, by this way. */
  readonly url: string;
  /** From now on nothing passes, and nobody is told: as when a cable is pulled. */
  readonly silence: () => void;
  /** Everything passes again, on new connections. */
  readonly restore: () => void;
  readonly close: () => Promise<void>;
}

/** What a test does at a chunk on its way; by default it is passed on. */
export interface WayHooks {
  readonly toServer?: (data: Buffer, ends: WayEnds) => void;
  readonly toClient?: (data: Buffer, ends: WayEnds) => void;
}

export interface WayEnds {
  readonly client: Socket;
  readonly server: Socket;
}

export async function openDatabaseWay(url: string, hooks: WayHooks = {}): Promise<DatabaseWay> {
  const target = new URL(url);
  const serverPort = Number(target.port);
  const sockets = new Set<Socket>();
  let isSilent = false;
  const toServer = hooks.toServer ?? ((data, { server }) => server.write(data));
  const toClient = hooks.toClient ?? ((data, { client }) => client.write(data));
  const listener = createServer((client) => {
    const server = connect(serverPort, target.hostname);
    const ends: WayEnds = { client, server };
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.on('data', (data: Buffer) => (isSilent ? undefined : toServer(data, ends)));
    server.on('data', (data: Buffer) => (isSilent ? undefined : toClient(data, ends)));
    client.on('close', () => server.end());
    server.on('close', () => client.destroy());
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  target.port = String((listener.address() as AddressInfo).port);
  return {
    url: target.href,
    silence: () => {
      isSilent = true;
    },
    restore: () => {
      isSilent = false;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, 'close');
    },
  };
}
