// The modality worklist and performed steps against the mock node.
import { check, equal, test, until } from './harness.mjs';
import { password } from './mock-server/data.mjs';

export function schedulingTests(mock) {
  const rows = (page) => page.locator('tbody tr');
  const total = (page, text) => page.getByRole('status').getByText(text, { exact: true }).waitFor();

  test('scheduling: what is due today, narrowed by state, station and day; no patient in an address', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    const addresses = [];
    page.on('request', (request) => addresses.push(request.url()));
    await visitor.signIn('okafor', password);
    await page.locator('nav').getByText('Modalities').click();
    await total(page, 'Procedure steps: 4');
    equal((await rows(page).first().textContent())?.includes('Okoye, Amara'), true, 'by time');
    await page.getByRole('row', { name: /王小东/ }).getByText('Completed').waitFor();
    await page.getByLabel('Station (AE title)').fill('MR1');
    await total(page, 'Procedure steps: 1');
    await rows(page).getByText('MR knee').waitFor();
    await page.getByLabel('Station (AE title)').fill('XX');
    await page.getByText('No step matches').waitFor();
    await page.getByRole('button', { name: 'Clear' }).click();
    await total(page, 'Procedure steps: 5');
    await page.getByRole('textbox', { name: 'State' }).click();
    await page.getByRole('option', { name: 'Started' }).click();
    await total(page, 'Procedure steps: 1');
    await rows(page).getByText('Brandt, Jan').waitFor();
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByRole('button', { name: 'Today' }).click();
    await total(page, 'Procedure steps: 4');
    await page.getByRole('row', { name: /王小东/ }).getByRole('link', { name: 'Open study' }).click();
    await page.getByRole('heading', { name: 'Wang, XiaoDong (王小东)' }).waitFor();
    await page.goBack();
    await total(page, 'Procedure steps: 4');
    check(!addresses.some((url) => /okoye|brandt|wang|M4000|S1/i.test(decodeURIComponent(new URL(url).search))), 'a patient in an address');
  });

  test('scheduling: a step is entered, refused when it is there already, and taken off after a question', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await visitor.go('/modality-worklist');
    const add = async () => {
      await page.getByRole('button', { name: 'Schedule a step' }).click();
      return page.getByRole('dialog', { name: 'Schedule a procedure step' });
    };
    const dialog = await add();
    await dialog.getByRole('button', { name: 'Schedule', exact: true }).click();
    await until(async () => (await dialog.getByText('Fill this in').count()) === 3, 'name, patient ID and modality are asked for');
    await visitor.axe('form with faults');
    const fill = async (into) => {
      await into.getByLabel('Family name').first().fill('Haddad');
      await into.getByLabel('Given name').first().fill('Leïla');
      await into.getByLabel('Patient ID').fill('M7');
      await into.getByLabel('Accession number').fill('NEW-1');
      await into.getByRole('textbox', { name: 'Modality' }).fill('CT');
      await page.getByRole('option', { name: 'CT', exact: true }).click();
      await into.getByLabel('Station (AE title)').fill('CT1');
      await into.getByLabel('Time').fill('14:05');
      await into.getByLabel('Procedure', { exact: true }).fill('CT head');
      await into.getByLabel('Referring physician').fill('Moreau, Claire');
    };
    await fill(dialog);
    await visitor.shot('scheduling-form');
    await dialog.getByRole('button', { name: 'Schedule', exact: true }).click();
    await page.getByText('The step is scheduled').waitFor();
    await total(page, 'Procedure steps: 5');
    const made = mock.state.steps.find((step) => step.accession === 'NEW-1');
    equal([made.patient_name, made.time, made.referring_physician, made.station_ae, made.modality].join('|'), 'Haddad^Leïla|1405|Moreau^Claire|CT1|CT', 'what the node was given');
    check(!('birth_date' in made) || made.birth_date === '', 'nothing is sent for what was left empty');
    const again = await add();
    await fill(again);
    await again.getByRole('button', { name: 'Schedule', exact: true }).click();
    await again.getByText('This order has a step of this id already.', { exact: false }).waitFor();
    await again.getByRole('button', { name: 'Cancel' }).click();
    const remove = page.getByRole('button', { name: 'Take off: Haddad, Leïla, CT head' });
    await remove.click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    check(mock.state.steps.some((step) => step.accession === 'NEW-1'), 'cancelled, it stays');
    await remove.click();
    await page.getByRole('dialog').getByText('CT head of Haddad, Leïla', { exact: false }).waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Take off' }).click();
    await page.getByText('The step was taken off the worklist').waitFor();
    await total(page, 'Procedure steps: 4');
  });

  test('scheduling: how it stands with priors, study by study, and fetched now', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await visitor.go('/modality-worklist');
    await total(page, 'Procedure steps: 4');
    const first = page.getByRole('button', { name: 'Priors of Okoye, Amara' }).first();
    equal(await first.textContent(), 'Fetched2 of 2 here', 'the first step');
    await first.click();
    const dialog = page.getByRole('dialog', { name: 'Earlier studies of Okoye, Amara' });
    await dialog.getByText('Everything the rule asks for is here.').waitFor();
    await dialog.getByText('Not fetched: another name, date of birth').waitFor();
    await dialog.getByText('not surely, this patient’s: 1.', { exact: false }).waitFor();
    equal(await dialog.getByRole('row').count(), 4, 'two studies and one of somebody else');
    equal(await dialog.getByRole('link', { name: 'Open study' }).count(), 2, 'what is here can be opened');
    await visitor.axe('priors');
    await visitor.shot('scheduling-priors');
    await page.keyboard.press('Escape');
    const second = page.getByRole('button', { name: 'Priors of Brandt, Jan' });
    equal(await second.textContent(), 'Failed1 of 3 here', 'the second step');
    await second.click();
    const failed = page.getByRole('dialog', { name: 'Earlier studies of Brandt, Jan' });
    await failed.getByText('PACS did not give every object').first().waitFor();
    await failed.getByRole('button', { name: 'Fetch now' }).click();
    await failed.getByText('They are being fetched.').waitFor();
    await failed.getByText('Everything the rule asks for is here.').waitFor();
    await page.keyboard.press('Escape');
    await until(async () => (await second.textContent()) === 'Fetched3 of 3 here', 'the list follows');
    await page.getByRole('button', { name: 'Priors of Wang, XiaoDong' }).click();
    await page.getByRole('dialog').getByText('No rule fetches priors for this step.').waitFor();
    equal(await page.getByRole('dialog').getByRole('button', { name: 'Fetch now' }).count(), 0, 'nothing to fetch by');
  });

  test('scheduling: who may only look sees no way to change', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await page.route('**/api/v1/session', async (route) => {
      const answer = await route.fetch();
      const session = await answer.json();
      await route.fulfill({ json: { ...session, user: { ...session.user, scopes: session.user.scopes.filter((scope) => scope !== 'archive:write') } } });
    });
    await visitor.go('/modality-worklist');
    await rows(page).first().waitFor();
    equal(await page.getByRole('button', { name: 'Schedule a step' }).count(), 0, 'scheduling');
    equal(await page.getByRole('button', { name: /Take off/ }).count(), 0, 'taking off');
    await page.getByRole('button', { name: 'Priors of Okoye, Amara' }).first().click();
    await page.getByRole('dialog').getByText('Everything the rule asks for is here.').waitFor();
    equal(await page.getByRole('dialog').getByRole('button', { name: 'Fetch now' }).count(), 0, 'fetching');
  });

  test('scheduling: performed steps with counts, states, pages, and their studies', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await visitor.go('/modality-worklist#performed');
    await total(page, 'Procedure steps: 5');
    const first = rows(page).first();
    await first.getByText('In progress').waitFor();
    await first.getByText('None named').waitFor();
    await first.getByText('Nothing has come yet').waitFor();
    await rows(page).nth(1).getByText('44 of 48').waitFor();
    await rows(page).nth(2).getByText('48 of 48').waitFor();
    await page.getByRole('button', { name: 'Clear' }).click();
    await total(page, 'Procedure steps: 50+');
    await page.getByRole('button', { name: 'Load more' }).click();
    await total(page, 'Procedure steps: 60');
    await page.getByRole('textbox', { name: 'State' }).click();
    await page.getByRole('option', { name: 'Discontinued' }).click();
    await total(page, 'Procedure steps: 8');
    await visitor.shot('scheduling-performed');
    await rows(page).first().getByRole('link', { name: 'Open study' }).click();
    await page.getByRole('heading', { name: 'Wang, XiaoDong (王小东)' }).waitFor();
  });

  test('scheduling: a modality that reports meanwhile is seen without asking', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await page.clock.install();
    await visitor.signIn('okafor', password);
    await visitor.go('/modality-worklist');
    await total(page, 'Procedure steps: 4');
    const step = mock.state.steps.find((one) => one.id === 'step-1');
    step.state = 'started';
    await until(async () => { await page.clock.runFor(5000); return (await rows(page).first().getAttribute('data-state')) === 'started'; }, 'the state follows');
    step.state = 'scheduled';
  });
}
