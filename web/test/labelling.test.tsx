// What a reader may say, and when: nothing of a case whose picture was not shown, nothing by a key that is held down.
import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { act, fireEvent, render, renderHook, screen, waitFor } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { labelling, type LabelAgreement, type LabelCase, type LabellingProject, type LabelWork } from '../src/api/labelling';
import { makeQueryClient } from '../src/app/Root';
import { cssVariables, theme } from '../src/app/theme';
import { I18nProvider } from '../src/i18n';
import { Agreement } from '../src/pages/labelling/Agreement';
import { DrawWorker } from '../src/pages/labelling/DrawWorker';
import { useCases } from '../src/pages/labelling/useCases';

const project: LabellingProject = {
  id: 'p', name: 'nodules', dataset: 'set', task: 'boxes', classes: ['nodule', 'vessel'], ordered: false, instructions: '', selection: { by: 'all' }, seed: null, cases: 3, state: 'reading',
  readers: [], adjudicator: { name: 'carl', done: 0, disagreements: null }, part: 'reader', ended_why: null, result: null, created: '2026-11-22T10:00:00Z', created_by: 'lin',
};
const work: LabelWork = { total: 3, done: 1, next: 1, answers: ['drawn', null, null], open: true };
const kept = [{ class: 'nodule', box: [1, 1, 3, 3] as [number, number, number, number] }];
const one = (place: number): LabelCase => ({ place, kind: 'image', slices: 1, height: 4, width: 4, channels: 1, dtype: 'u8', spacing_mm: null, answer: place === 1 ? { class: null, cannot_tell: null, comment: '', objects: kept, revision: 1 } : null });

function npy(): ArrayBuffer {
  const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (4, 4), }`.padEnd(117, ' ') + '\n';
  const out = new Uint8Array(10 + header.length + 16);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  out.set(new TextEncoder().encode(header), 10);
  return out.buffer;
}

let arrive: () => void = () => undefined;
let refuse: () => void = () => undefined;
beforeEach(() => {
  vi.spyOn(labelling, 'caseOf').mockImplementation(async (_id, _part, place) => one(place));
  vi.spyOn(labelling, 'pixels').mockImplementation(() => new Promise<ArrayBuffer>((done, fail) => { arrive = () => done(npy()); refuse = () => fail(new Error('gone')); }));
});
afterEach(() => { vi.restoreAllMocks(); });

function Around({ children }: { children: ReactNode }) {
  return <MantineProvider theme={theme} cssVariablesResolver={cssVariables} env="test"><QueryClientProvider client={makeQueryClient()}><I18nProvider initial="en">{children}</I18nProvider></QueryClientProvider></MantineProvider>;
}
const answered = () => vi.spyOn(labelling, 'answer').mockImplementation(async (_id, _part, _place, given) => ({ class: 'class' in given ? given.class : null, cannot_tell: null, comment: '', ...('objects' in given ? { objects: given.objects } : {}), revision: 2 }));

describe('answers of a reader', () => {
  it('are not taken before the picture is there, nor when it failed', async () => {
    const sent = answered();
    const { result } = renderHook(() => useCases({ ...project, task: 'classes' }, work, 'reading'), { wrapper: Around });
    await waitFor(() => expect(result.current.one.data).toBeDefined());
    expect(await act(() => result.current.give({ class: 'nodule' }))).toBe(false);
    await act(async () => { refuse(); await Promise.resolve(); });
    await waitFor(() => expect(result.current.failed).toBe(true));
    expect(await act(() => result.current.give({ class: 'nodule' }))).toBe(false);
    expect(sent).not.toHaveBeenCalled();
    act(() => result.current.go(2));
    await waitFor(() => expect(result.current.one.data?.place).toBe(2));
    await act(async () => { arrive(); await Promise.resolve(); });
    await waitFor(() => expect(result.current.pixels).not.toBeNull());
    expect(await act(() => result.current.give({ class: 'nodule' }))).toBe(true);
    expect(sent).toHaveBeenCalledTimes(1);
  });

  it('are given once by a key that is held down; what was changed is kept before one goes back', async () => {
    const sent = answered();
    render(<Around><DrawWorker project={project} work={work} part="reading" /></Around>);
    await screen.findByText('2 × 2');
    await act(async () => { arrive(); await Promise.resolve(); });
    await waitFor(() => expect(document.querySelector('.label-frame[data-ready=true]')).not.toBeNull());
    fireEvent.keyDown(document.body, { key: 'n', repeat: true });
    fireEvent.keyDown(document.body, { key: ' ', repeat: true });
    expect(sent).not.toHaveBeenCalled();
    expect(screen.getByTestId('place').textContent).toBe('2 of 3');
    // Another class: it is kept on the way back.
    fireEvent.click(screen.getByRole('button', { name: /1\. nodule/ }));
    fireEvent.keyDown(document.body, { key: '2' });
    await screen.findByRole('button', { name: /1\. vessel/ });
    fireEvent.keyDown(document.body, { key: 'u' });
    await waitFor(() => expect(screen.getByTestId('place').textContent).toBe('1 of 3'));
    expect(sent).toHaveBeenCalledTimes(1);
    expect(sent.mock.calls[0]![3]).toMatchObject({ objects: [{ class: 'vessel', box: [1, 1, 3, 3] }] });
  });

  it('that remove everything do not get lost on the way back', async () => {
    const sent = answered();
    render(<Around><DrawWorker project={project} work={work} part="reading" /></Around>);
    await screen.findByText('2 × 2');
    await act(async () => { arrive(); await Promise.resolve(); });
    fireEvent.click(screen.getByRole('button', { name: 'Remove object 1' }));
    await screen.findByText('Nothing is drawn yet.');
    fireEvent.keyDown(document.body, { key: 'u' });
    await act(async () => { await Promise.resolve(); });
    expect(screen.getByTestId('place').textContent).toBe('2 of 3');
    expect(sent).not.toHaveBeenCalled();
  });
});

describe('agreement', () => {
  it('of readers who agree in every case has no interval', () => {
    const kappa = { value: 1, low: null, high: null, standard_error: 0, why: 'no interval: the readers agree in every case' };
    const agreement: LabelAgreement = {
      cases: 4, read_by_all: 4, agreed: 4, disagreed: 0, adjudicated: 0, undecided: 0, cannot_tell: 0, task: 'classes', classes: ['a', 'b'], mean_kappa: 1, readers: [],
      pairs: [{ a: 'anna', b: 'ben', cases: 4, cannot_tell: 0, raw: { agreed: 4, value: 1, low: 0.5, high: 1 }, kappa, categories: ['a', 'b'], table: [[2, 0], [0, 2]], classes: [{ class: 'a', agreement: 1, kappa }, { class: 'b', agreement: 1, kappa }] }],
    };
    render(<Around><Agreement agreement={agreement} ordered={false} /></Around>);
    expect(screen.getByTestId('kappa').textContent).toBe('1.00');
    screen.getByText('No interval: they agree in every case');
    expect(document.body.textContent).not.toMatch(/1\.00\s*–\s*1\.00|\(–\)/);
  });
});
