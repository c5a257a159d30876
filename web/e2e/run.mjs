// `npm run e2e [WORD]`: against the mock node, or against a real one when ACESO_E2E_URL is set. WORD picks tests by name.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runAll } from './harness.mjs';
import { password } from './mock-server/data.mjs';
import { startMock } from './mock-server/server.mjs';
import { mockTests } from './mock-tests.mjs';
import { pageTests } from './page-tests.mjs';
import { archiveTests } from './archive-tests.mjs';
import { labellingTests } from './labelling-tests.mjs';
import { ohifTests } from './ohif-tests.mjs';
import { realTests } from './real-tests.mjs';
import { schedulingTests } from './scheduling-tests.mjs';
import { studyTests } from './study-tests.mjs';
import { truthTests } from './truth-tests.mjs';
import { improvementTests } from './improvement-tests.mjs';

const only = process.argv[2];
const real = process.env.ACESO_E2E_URL?.replace(/\/$/, '');
if (real) {
  const credentials = { name: process.env.ACESO_E2E_NAME ?? 'admin', password: process.env.ACESO_E2E_PASSWORD ?? '', setupToken: process.env.ACESO_E2E_SETUP_TOKEN ?? '', image: process.env.ACESO_E2E_IMAGE ?? '' };
  const [volume, picture] = (process.env.ACESO_E2E_RESULTS ?? '').split(',');   // studies into which models of the node wrote
  if (volume && picture) {
    const made = await fetch(`${real}/api/v1/setup`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token: credentials.setupToken, name: credentials.name, password: credentials.password }) });
    if (!made.ok) { console.error(`the node's first account could not be made: ${made.status}`); process.exit(2); }
    ohifTests({ name: credentials.name, password: credentials.password, studies: { volume, picture } });
    process.exit((await runAll({ origin: real, only })) ? 0 : 1);
  }
  const ct = process.env.ACESO_E2E_CT ?? '';   // folder with one CT series that the node has
  if (ct) archiveTests({ name: credentials.name, password: credentials.password, ct });
  if (!credentials.password) { console.error('ACESO_E2E_PASSWORD is needed with ACESO_E2E_URL'); process.exit(2); }
  realTests(credentials);
  if (!credentials.setupToken) pageTests({ name: credentials.name, password: credentials.password, pages: [['datasets', '/datasets'], ['training', '/training'], ['runs', '/runs'], ['labelling', '/labelling'], ['models', '/models'], ['predictions', '/predictions'], ['diagnose', '/diagnose'], ['studies', '/studies'], ['worklist', '/worklist'], ['scheduling', '/modality-worklist'], ['patients', '/patients'], ['audit', '/audit'], ['users', '/users'], ['account', '/account']] });
  process.exit((await runAll({ origin: real, only })) ? 0 : 1);
}

const dist = fileURLToPath(new URL('../dist', import.meta.url));
if (!existsSync(`${dist}/index.html`)) { console.error('web/dist is missing: run `npm run build` first'); process.exit(2); }
const mock = await startMock({ dist, epochMs: 120 });
const admin = mock.state.users.find((user) => user.name === 'admin');
if (admin) admin.roles = ['admin', 'clinician'];
mockTests(mock);
studyTests(mock);
schedulingTests(mock);
labellingTests(mock);
truthTests(mock);
improvementTests(mock);
pageTests({
  name: 'admin', password, mock,
  pages: [['diagnose', '/diagnose'], ['studies', '/studies'], ['study', '/studies/1-2-826-0-1-3680043-8-498-1001'], ['worklist', '/worklist'], ['scheduling', '/modality-worklist'], ['performed', '/modality-worklist#performed'], ['drawn', '/studies/1-2-826-0-1-3680043-8-498-1900'], ['patients', '/patients'], ['patient', '/patients/1-2-826-0-1-3680043-8-498-1001'], ['predictions', '/predictions'], ['models', '/models'], ['model', '/models/pneumonia-chest-xray/3'], ['evaluation', '/models/pneumonia-chest-xray/3#evaluation'], ['watch', '/models/pneumonia-chest-xray/3?tab=watch'], ['approval', '/models/pneumonia-chest-xray/3?tab=approval'], ['improve', '/models/pneumonia-chest-xray/3?tab=improve'], ['datasets', '/datasets'], ['dataset', '/datasets/pneumonia-mnist'], ['training', '/training'], ['job', '/training/j-done'], ['runs', '/runs'], ['labelling', '/labelling'], ['labelling-project', '/labelling/p-done'], ['labelling-read', '/labelling/p-label/read'], ['labelling-adjudicate', '/labelling/p-queue/adjudicate'], ['labelling-boxes', '/labelling/p-boxes/read'], ['labelling-outlines', '/labelling/p-outlines/read'], ['labelling-boxes-adjudicate', '/labelling/p-boxes-queue/adjudicate'], ['labelling-outlines-project', '/labelling/p-outlines-done'], ['audit', '/audit'], ['users', '/users'], ['tokens', '/users#tokens'], ['account', '/account'], ['nothing', '/nothing-here']],
});
const passed = await runAll({ origin: mock.url, only, after: () => mock.resetThrottle() });
await mock.stop();
process.exit(passed ? 0 : 1);
