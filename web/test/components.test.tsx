import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClientProvider } from '@tanstack/react-query';
import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState, type ReactNode } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '../src/api/client';
import type { Prediction } from '../src/api/types';
import { makeQueryClient } from '../src/app/Root';
import { SessionProvider, useSession } from '../src/app/session';
import { cssVariables, theme } from '../src/app/theme';
import { ShareBadge } from '../src/components/bits';
import { ErrorState } from '../src/components/feedback';
import { ProbabilityScale } from '../src/components/ProbabilityScale';
import { QrCode } from '../src/components/QrCode';
import { ResultPanel } from '../src/components/ResultPanel';
import { VerdictPanel } from '../src/components/VerdictPanel';
import { I18nProvider } from '../src/i18n';
import type { Language } from '../src/lib/format';
import { SignInForm } from '../src/pages/SignInForm';

const session = { user: { id: 'u1', name: 'okafor', roles: ['clinician'], scopes: ['models:read', 'predictions:read', 'feedback:write', 'self'] }, csrf_token: 't', expires: '2099-01-01T00:00:00Z' };
type Handler = (method: string, path: string, body: unknown) => { status?: number; body?: unknown } | undefined;
let handler: Handler = () => undefined;
const calls: { method: string; path: string; body: unknown }[] = [];

beforeEach(() => {
  calls.length = 0;
  vi.stubGlobal('fetch', async (input: string, init: RequestInit = {}) => {
    const method = init.method ?? 'GET';
    const path = input.split('?')[0]!;
    const body: unknown = typeof init.body === 'string' ? JSON.parse(init.body) : undefined;
    calls.push({ method, path, body });
    const answer = handler(method, path, body) ?? { status: 404, body: { code: 'not_found' } };
    return new Response(JSON.stringify(answer.body ?? {}), { status: answer.status ?? 200, headers: { 'Content-Type': (answer.status ?? 200) < 400 ? 'application/json' : 'application/problem+json' } });
  });
});
afterEach(() => vi.unstubAllGlobals());

function show(node: ReactNode, language: Language = 'en') {
  return render(
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} env="test">
      <QueryClientProvider client={makeQueryClient()}><I18nProvider initial={language}><Notifications /><SessionProvider>{node}</SessionProvider></I18nProvider></QueryClientProvider>
    </MantineProvider>,
  );
}
function AfterSession({ children }: { children: ReactNode }) { return useSession().loading ? null : children; }

const prediction: Prediction = {
  id: 'p1', created: '2026-11-22T10:00:00Z', model: { name: 'pneumonia', version: 3, classes: ['normal', 'pneumonia'] }, outputs: [{ label: 'pneumonia', probability: 0.818 }], probability: 0.818, threshold: 0.62, finding: 'pneumonia', positive: true,
  uncertainty: { kind: 'validation-calibration', cases: 118, positives: 103, observed: 0.873, low: 0.8, high: 0.92, score_low: 0.8, score_high: 0.9, outside: false },
};

describe('ShareBadge', () => {
  it('says what share a version gets and what that means, and nothing without one', () => {
    show(<><ShareBadge share={{ mode: 'canary', percent: 12.5 }} /><ShareBadge share={{ mode: 'shadow', percent: 100 }} /><ShareBadge share={null} /></>);
    expect(screen.getByTitle(/^Answers this share/).textContent).toBe('Canary 12.5 %');
    expect(screen.getByTitle(/nobody is shown/).textContent).toBe('Shadow 100 %');
    expect(screen.getAllByTitle(/./)).toHaveLength(2);
  });
});

describe('result', () => {
  it('names the finding, the probability against the threshold, and the frequency seen in validation', () => {
    handler = () => ({ status: 401, body: {} });
    show(<ResultPanel prediction={prediction} />);
    expect(screen.getByTestId('probability').textContent).toBe('81.8%');
    expect(screen.getByRole('heading', { name: 'Suggests pneumonia' })).toBeTruthy();
    expect(screen.getByRole('img', { name: 'Probability 81.8%, threshold 62.0%, on a scale from 0 to 100%' })).toBeTruthy();
    expect(document.querySelectorAll('.dot-on')).toHaveLength(87);
    expect(screen.getByText(/Of 118 validation images/)).toBeTruthy();
  });
  it('says in Chinese what it says in English', () => {
    handler = () => ({ status: 401, body: {} });
    show(<ResultPanel prediction={{ ...prediction, probability: 0.3, positive: false, finding: 'normal' }} />, 'zh');
    expect(screen.getByRole('heading', { name: '不提示pneumonia' })).toBeTruthy();
  });
  it('warns that a score beside the threshold decides little', () => {
    handler = () => ({ status: 401, body: {} });
    show(<ResultPanel prediction={{ ...prediction, probability: 0.64 }} />);
    expect(screen.getByText('Close to the threshold: read it as undecided.')).toBeTruthy();
  });
  it('shows no number where the model may not answer, but why', () => {
    handler = () => ({ status: 401, body: {} });
    const refused: Prediction = { id: 'p2', created: prediction.created, model: prediction.model, applicable: false, reasons: ['The view is another than the model is for: PA'] };
    show(<ResultPanel prediction={refused} />);
    expect(screen.getByRole('heading', { name: 'Not applicable' })).toBeTruthy();
    expect(screen.getByText('The view is another than the model is for: PA')).toBeTruthy();
    expect(screen.queryByTestId('probability')).toBeNull();
    expect(document.body.textContent).not.toMatch(/\d+(\.\d+)?\s?%/);
  });
  it('shows which classes remain and whether the image is familiar', () => {
    handler = () => ({ status: 401, body: {} });
    const uncertainty = { ...prediction.uncertainty, set: { coverage: 0.9, classes: ['normal', 'pneumonia'] }, familiarity: { state: 'unusual' } };
    show(<ResultPanel prediction={{ ...prediction, uncertainty }} />);
    expect(screen.getByText('The model cannot tell these apart at that coverage.')).toBeTruthy();
    expect(screen.getByTestId('familiarity').textContent).toContain('Unusual image');
  });
  it('never shows certainty', () => {
    handler = () => ({ status: 401, body: {} });
    show(<ResultPanel prediction={{ ...prediction, probability: 1, outputs: [{ label: 'pneumonia', probability: 1 }] }} />);
    expect(screen.getByTestId('probability').textContent).toBe('> 99.9%');
  });
  it('of several classes lists them all and has no threshold', () => {
    handler = () => ({ status: 401, body: {} });
    const outputs = [{ label: 'normal', probability: 0.1 }, { label: 'benign', probability: 0.2 }, { label: 'malignant', probability: 0.7 }];
    show(<ResultPanel prediction={{ ...prediction, outputs, probability: 0.7, threshold: null, finding: 'malignant', positive: undefined }} />);
    expect(screen.getByText('benign')).toBeTruthy();
    expect(screen.queryByText(/^Threshold/)).toBeNull();
  });
});

describe('scale', () => {
  it('puts marker and threshold where they belong', () => {
    handler = () => ({ status: 401, body: {} });
    show(<ProbabilityScale probability={0.25} threshold={0.5} positive={false} />);
    expect((document.querySelector('.scale-marker') as HTMLElement).style.left).toBe('25%');
    expect((document.querySelector('.scale-threshold') as HTMLElement).style.left).toBe('50%');
  });
});

describe('verdict', () => {
  const answers: Handler = (method, path) => {
    if (path === '/api/v1/session') return { body: session };
    if (method === 'PUT') return { body: { finding: 'pneumonia', revision: 1, agree: false, time: '2026-11-22T10:01:00Z' } };
    if (path.endsWith('/verdicts')) return { body: { items: [] } };
    return { body: prediction };
  };
  it('of disagreement names the other of two classes', async () => {
    handler = answers;
    show(<AfterSession><VerdictPanel prediction={prediction} classes={['normal', 'pneumonia']} /></AfterSession>);
    await userEvent.click(await screen.findByRole('button', { name: 'Disagree' }));
    await userEvent.type(screen.getByLabelText('Comment'), 'clear lungs');
    await userEvent.click(screen.getByRole('button', { name: /Save verdict/ }));
    await waitFor(() => expect(calls.find((call) => call.method === 'PUT')).toEqual({ method: 'PUT', path: '/api/v1/predictions/p1/verdicts/pneumonia', body: { agree: false, label: 'normal', comment: 'clear lungs' } }));
  });
  it('is not sent before one is chosen', async () => {
    handler = answers;
    show(<AfterSession><VerdictPanel prediction={prediction} classes={['normal', 'pneumonia']} /></AfterSession>);
    await userEvent.click(await screen.findByRole('button', { name: /Save verdict/ }));
    expect(await screen.findByText('Choose agree, disagree or unsure')).toBeTruthy();
    expect(calls.some((call) => call.method === 'PUT')).toBe(false);
  });
  it('of a blinded reading sends the reader’s own finding and asks for nothing of the prediction before', async () => {
    handler = answers;
    const hidden: Prediction = { id: 'p1', created: prediction.created, model: prediction.model, blinded: true, hidden: true };
    function Host() {
      const [now, setNow] = useState(hidden);
      return <><VerdictPanel prediction={now} classes={['normal', 'pneumonia']} onRevealed={setNow} /><output>{now.probability ?? 'covered'}</output></>;
    }
    show(<AfterSession><Host /></AfterSession>);
    await userEvent.click(await screen.findByRole('button', { name: 'normal' }));
    expect(calls.filter((call) => call.path !== '/api/v1/session')).toEqual([]);
    expect(screen.getByText('covered')).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: /Save and show prediction/ }));
    await waitFor(() => expect(screen.getByText('0.818')).toBeTruthy());
    expect(calls.find((call) => call.method === 'PUT')).toEqual({ method: 'PUT', path: '/api/v1/predictions/p1/verdicts/normal', body: { agree: null, label: 'normal', comment: '' } });
  });
  it('is not offered to a role that may not give one', async () => {
    handler = (method, path) => (path === '/api/v1/session' ? { body: { ...session, user: { ...session.user, scopes: ['predictions:read'] } } } : answers(method, path, undefined));
    show(<AfterSession><VerdictPanel prediction={prediction} classes={['normal', 'pneumonia']} /></AfterSession>);
    expect(await screen.findByText('Your role may read predictions but not judge them.')).toBeTruthy();
    expect(screen.queryByRole('button', { name: 'Agree' })).toBeNull();
  });
});

describe('sign-in', () => {
  it('asks for the one-time code only when the node wants one', async () => {
    handler = (method, _path, body) => {
      if (method !== 'POST') return { status: 401, body: { code: 'unauthenticated' } };
      return (body as { totp?: string }).totp ? { body: session } : { status: 401, body: { code: 'precondition', detail: 'one-time code needed' } };
    };
    show(<SignInForm heading />);
    await userEvent.type(screen.getByLabelText('User name'), 'okafor');
    await userEvent.type(screen.getByLabelText('Password'), 'correct horse battery');
    await userEvent.click(screen.getByRole('button', { name: 'Sign in' }));
    const boxes = await waitFor(() => { const found = document.querySelectorAll<HTMLInputElement>('input[autocomplete="one-time-code"]'); expect(found).toHaveLength(6); return found; });
    await userEvent.type(boxes[0]!, '123456');
    await waitFor(() => expect(calls.filter((call) => call.method === 'POST').pop()?.body).toEqual({ name: 'okafor', password: 'correct horse battery', totp: '123456' }));
  });
  it('says how long to wait', async () => {
    vi.stubGlobal('fetch', async (_input: string, init: RequestInit = {}) => new Response('{"code":"exhausted"}', { status: init.method === 'POST' ? 429 : 401, headers: { 'Content-Type': 'application/problem+json', 'Retry-After': '12' } }));
    show(<SignInForm />);
    await userEvent.type(screen.getByLabelText('User name'), 'a');
    await userEvent.type(screen.getByLabelText('Password'), 'b');
    await userEvent.click(screen.getByRole('button', { name: 'Sign in' }));
    expect(await screen.findByText('Too many attempts. Try again in 12 seconds.')).toBeTruthy();
  });
});

describe('shared states', () => {
  it('show what went wrong and the request to quote', () => {
    handler = () => ({ status: 401, body: {} });
    const retry = vi.fn();
    show(<ErrorState error={new ApiError(503, 'unavailable', 'models is starting', 'r-9')} retry={retry} />);
    expect(screen.getByText('The service is not ready. Try again in a moment. Models is starting.')).toBeTruthy();
    expect(screen.getByText('Request r-9')).toBeTruthy();
    screen.getByRole('button', { name: 'Try again' }).click();
    expect(retry).toHaveBeenCalledTimes(1);
  });
  it('draw QR codes in the page', () => {
    handler = () => ({ status: 401, body: {} });
    show(<QrCode text="otpauth://totp/Aceso:okafor?secret=JBSWY3DPEHPK3PXP" label="code" />);
    const image = screen.getByRole('img', { name: 'code' });
    expect(image.querySelector('path')!.getAttribute('d')!.length).toBeGreaterThan(500);
    expect(image.querySelector('image')).toBeNull();
  });
});
