import { createServer } from 'node:http';
import { WORK } from '../workloads/work.ts';
import { listen } from './listen.ts';

/** The work of every workload on nothing but node:http: the upper bound. */
const server = createServer((request, response) => {
  const work = WORK[request.url?.slice('/hooks/'.length) ?? ''];
  if (request.method !== 'POST' || !work) {
    response.writeHead(404).end();
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const text = JSON.stringify(work(JSON.parse(Buffer.concat(chunks).toString('utf8'))));
    response
      .writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text) })
      .end(text);
  });
});

listen(server);
