import { defineConfig } from 'prisma/config';

// Without the engine's own binary, which is fetched from the internet, `prisma generate` only asks for its version.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath;

export default defineConfig({ schema: 'prisma/schema.prisma', migrations: { path: 'prisma/migrations' } });
