// The feedback loop in the browser: cases that wait, one after the other, and the version that is made of their verdicts.
import { check, equal, test } from './harness.mjs';
import { password } from './mock-server/data.mjs';
import { phantom } from './mock-server/phantom.mjs';

export function improvementTests(mock) {
  test('improve: what waits is judged case after case', async (visit) => {
    const reader = await visit();
    await reader.signIn('okafor', password);
    for (const seed of [41, 42]) {
      await reader.go('/diagnose?model=lung-nodule-ct@1');
      await reader.page.locator('input[type=file]').setInputFiles({ name: 'phantom.png', mimeType: 'image/png', buffer: phantom({ seed, size: 256, nodule: 'spiculated' }) });
      await reader.page.getByTestId('probability').waitFor();
    }
    await reader.go('/models/lung-nodule-ct/1?tab=improve');
    await reader.page.getByRole('heading', { name: 'Waiting for a verdict' }).waitFor();
    await reader.page.getByText('new labels, 20 are asked for', { exact: false }).waitFor();
    equal(await reader.page.getByRole('button', { name: 'Train the next version' }).count(), 0);   // a clinician trains nothing
    await reader.shot('improve-review');
    await reader.axe('improve, review');
    const waiting = mock.state.predictions.filter((p) => p.model.name === 'lung-nodule-ct' && p.verdicts.length === 0).length;
    await reader.page.getByRole('link', { name: 'Start reviewing' }).click();
    await reader.page.getByText(`lung-nodule-ct: ${waiting} answers wait for a verdict`).waitFor();
    const first = new URL(reader.page.url()).pathname;
    equal(await reader.page.getByTestId('probability').count(), 0);   // not before the reader has looked
    await reader.page.getByRole('link', { name: 'Next case' }).click();
    await reader.page.waitForFunction((path) => window.location.pathname !== path, first);
    check(new URL(reader.page.url()).searchParams.get('review') === 'lung-nodule-ct', 'the review goes on');
    await reader.axe('a case under review');
    await reader.page.getByRole('link', { name: 'End the review' }).click();
    await reader.page.getByRole('heading', { name: 'Waiting for a verdict' }).waitFor();
  });

  test('improve: a version is trained on verdicts and measured against the live one', async (visit) => {
    const visitor = await visit();
    await visitor.signIn('lin', password);
    await visitor.go('/models/pneumonia-chest-xray/3?tab=improve');
    await visitor.page.getByRole('heading', { name: 'Learn from them' }).waitFor();
    await visitor.page.getByRole('button', { name: 'Train the next version' }).click();
    const dialog = visitor.page.getByRole('dialog');
    await dialog.getByLabel('Held out for good').fill('40');
    await visitor.axe('improve, form');
    await dialog.getByRole('button', { name: 'Train the next version' }).click();
    await visitor.page.getByRole('heading', { name: 'Beside version 3, the live one' }).waitFor();
    await visitor.page.getByText('better: AUROC changed', { exact: false }).waitFor();
    await visitor.axe('improve, job');
    await visitor.shot('improve-job');
    equal(mock.state.jobs[0].input.hold_out, 0.4);
    await visitor.go('/models/pneumonia-chest-xray/3?tab=improve');
    await visitor.page.getByText('too few cases to show', { exact: false }).waitFor();
    await visitor.shot('improve-rounds');
    await visitor.axe('improve, rounds');
  });
}
