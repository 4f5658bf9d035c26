// A process of its own: a merchant's server, or a hundred of them. It answers every POST and counts them by path;
// GET tells the counts. A POST to /silent is taken and never answered.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { giveAnswer, readQuestion } from './child.ts';

await readQuestion();
const counts = new Map<string, number>();
const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const path = request.url ?? '';
  if (request.method === 'GET') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ atMs: performance.now(), counts: [...counts] }));
    return;
  }
  request.resume();
  request.once('end', () => {
    counts.set(path, (counts.get(path) ?? 0) + 1);
    if (path !== '/silent') response.end('ok');
  });
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  void giveAnswer({ target: `127.0.0.1:${port}` });
});
