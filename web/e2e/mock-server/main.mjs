// `npm run mock`: look at the built application without a node. Users admin, okafor, lin and moreau share one invented password.
import { fileURLToPath } from 'node:url';
import { password } from './data.mjs';
import { startMock, totpCode } from './server.mjs';

const mock = await startMock({ dist: fileURLToPath(new URL('../../dist', import.meta.url)), port: Number(process.env.PORT ?? 0) });
console.log(`${mock.url}  password "${password}", one-time code ${totpCode}`);
