import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, get, onSessionExpired, post, setCsrfToken, withQuery } from '../src/api/client';
import { acceptedJobId, api } from '../src/api/endpoints';

const answer = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body), { status, headers: { 'Content-Type': status >= 400 ? 'application/problem+json' : 'application/json', ...headers } });
const fetchMock = vi.fn<typeof fetch>();

beforeEach(() => { fetchMock.mockReset(); vi.stubGlobal('fetch', fetchMock); setCsrfToken('token-1'); });
afterEach(() => vi.unstubAllGlobals());
const sent = () => fetchMock.mock.calls[0]![1] as RequestInit & { headers: Record<string, string> };

describe('requests', () => {
  it('leave empty parameters out and encode the rest', () => {
    expect(withQuery('/a', { q: 'x & y', empty: '', none: undefined, no: null, zero: 0, off: false })).toBe('/a?q=x+%26+y&zero=0&off=false');
    expect(withQuery('/a', {})).toBe('/a');
  });
  it('carry the CSRF token when they change something, and not when they read', async () => {
    fetchMock.mockImplementation(async () => answer(200, {}));
    await get('/api/v1/models');
    expect(sent().headers['X-CSRF-Token']).toBeUndefined();
    fetchMock.mockClear();
    await post('/api/v1/tokens', { name: 'x' });
    expect(sent().headers['X-CSRF-Token']).toBe('token-1');
    expect(sent().headers['Content-Type']).toBe('application/json');
    expect(sent().body).toBe('{"name":"x"}');
  });
  it('answer undefined for an empty body', async () => {
    fetchMock.mockResolvedValue(new Response(null, { status: 204 }));
    await expect(api.signOut()).resolves.toBeUndefined();
  });
  it('encode names that would change the path', async () => {
    fetchMock.mockImplementation(async () => answer(200, {}));
    await api.dataset('../users');
    expect(fetchMock.mock.calls[0]![0]).toBe('/api/v1/datasets/..%2Fusers');
  });
  it('remember the CSRF token of a new session', async () => {
    fetchMock.mockImplementation(async () => answer(200, { user: { id: '1', name: 'a', roles: [], scopes: [] }, csrf_token: 'token-2', expires: '2030-01-01T00:00:00Z' }));
    await api.signIn('a', 'b');
    fetchMock.mockClear();
    await post('/api/v1/tokens', {});
    expect(sent().headers['X-CSRF-Token']).toBe('token-2');
  });
});

describe('errors', () => {
  const failure = async (response: Response) => { fetchMock.mockResolvedValue(response); return get('/api/v1/datasets').then(() => null, (error: unknown) => error as ApiError); };
  it('are read from problem+json', async () => {
    const error = await failure(answer(409, { type: 'about:blank', title: 'exists', status: 409, detail: 'there is a dataset x already', code: 'exists', request_id: 'r-1' }));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 409, code: 'exists', detail: 'there is a dataset x already', requestId: 'r-1' });
  });
  it('keep the request id of the header when the body is not JSON, and never show such a body', async () => {
    const error = await failure(answer(502, '<h1>Bad gateway</h1>', { 'Content-Type': 'text/html', 'X-Request-Id': 'r-2' }));
    expect(error).toMatchObject({ status: 502, code: 'internal', detail: '', requestId: 'r-2' });
  });
  it('survive a body that claims to be JSON and is not', async () => {
    expect(await failure(answer(500, '{"code":'))).toMatchObject({ status: 500, code: 'internal' });
  });
  it('say how long to wait when throttled', async () => {
    expect(await failure(answer(429, { title: 'x', code: 'exhausted' }, { 'Retry-After': '17' }))).toMatchObject({ retryAfter: 17 });
  });
  it('call a lost connection by its name', async () => {
    fetchMock.mockRejectedValue(new TypeError('Failed to fetch'));
    await expect(get('/api/v1/models')).rejects.toMatchObject({ status: 0, code: 'network' });
  });
  it('announce an ended session, but not a failed sign-in', async () => {
    const heard = vi.fn();
    const off = onSessionExpired(heard);
    fetchMock.mockImplementation(async () => answer(401, { code: 'unauthenticated' }));
    await expect(api.signIn('a', 'b')).rejects.toBeInstanceOf(ApiError);
    await expect(api.session()).rejects.toBeInstanceOf(ApiError);
    expect(heard).not.toHaveBeenCalled();
    await expect(api.models()).rejects.toBeInstanceOf(ApiError);
    expect(heard).toHaveBeenCalledTimes(1);
    off();
    await expect(api.models()).rejects.toBeInstanceOf(ApiError);
    expect(heard).toHaveBeenCalledTimes(1);
  });
});

describe('accepted jobs', () => {
  it('are found whether the node sends the job or its id', () => {
    expect(acceptedJobId({ job: 'j1' })).toBe('j1');
    expect(acceptedJobId({ job: { id: 'j2', kind: 'train', state: 'queued', created: '', updated: '' } })).toBe('j2');
    expect(acceptedJobId({ id: 'j3' })).toBe('j3');
    expect(acceptedJobId({})).toBeUndefined();
  });
});
