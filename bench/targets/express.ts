import { createServer } from 'node:http';
import express from 'express';
import { WORK } from '../workloads/work.ts';
import { listen } from './listen.ts';

/** The same work on Express, as a person would write it. */
const app = express();
app.use(express.json({ limit: '1mb' }));
for (const [name, work] of Object.entries(WORK)) {
  app.post(`/hooks/${name}`, (request, response) => {
    response.json(work(request.body));
  });
}

listen(createServer(app));
