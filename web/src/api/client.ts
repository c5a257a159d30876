// The one place that talks HTTP: JSON in and out, problem+json (RFC 9457) as ApiError, CSRF header on changes, session expiry as an event.
export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, readonly detail: string, readonly requestId?: string, readonly retryAfter?: number) {
    super(detail || code);
    this.name = 'ApiError';
  }
}

let csrfToken = '';
export function setCsrfToken(token: string) { csrfToken = token; }

type Listener = () => void;
const expiryListeners = new Set<Listener>();
export function onSessionExpired(listener: Listener): () => void {
  expiryListeners.add(listener);
  return () => { expiryListeners.delete(listener); };
}

export type Query = Record<string, string | number | boolean | null | undefined>;
export function withQuery(path: string, query?: Query): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== '') search.set(key, String(value));
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

function toError(status: number, contentType: string, text: string, requestId: string | null, retryAfter: string | null): ApiError {
  let code = status === 429 ? 'throttled' : status === 401 ? 'unauthenticated' : 'internal';
  let detail = '';
  let id = requestId ?? undefined;
  if (/json/.test(contentType)) {
    try {
      const problem = JSON.parse(text) as { code?: string; detail?: string; title?: string; request_id?: string; error_code?: string; message?: string };
      code = problem.code ?? code;
      detail = problem.detail ?? problem.title ?? '';
      if (problem.error_code) {  // MLflow's form
        code = status === 404 ? 'not_found' : status === 403 ? 'denied' : status < 500 && status !== 401 ? 'invalid' : code;
        detail = problem.message ?? '';
      }
      id = problem.request_id ?? id;
    } catch {
      detail = '';
    }
  }
  const seconds = retryAfter === null ? NaN : Number(retryAfter);
  return new ApiError(status, code, detail, id, Number.isFinite(seconds) ? seconds : undefined);
}

function noteExpiry(error: ApiError, path: string) {
  // A failed sign-in is not an expired session.
  if (error.status === 401 && !/^\/api\/v1\/(session|setup)$/.test(path.split('?')[0] ?? '')) expiryListeners.forEach((listener) => listener());
}

export interface RequestOptions { query?: Query; json?: unknown; body?: BodyInit; contentType?: string; signal?: AbortSignal }

export async function request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  let body = options.body;
  if (options.json !== undefined) {
    body = JSON.stringify(options.json);
    headers['Content-Type'] = 'application/json';
  } else if (options.contentType) {
    headers['Content-Type'] = options.contentType;
  }
  if (method !== 'GET' && csrfToken) headers['X-CSRF-Token'] = csrfToken;
  let response: Response;
  try {
    response = await fetch(withQuery(path, options.query), { method, headers, body, signal: options.signal, credentials: 'same-origin', cache: 'no-store' });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, 'network', '');
  }
  const text = await response.text();
  if (!response.ok) {
    const error = toError(response.status, response.headers.get('Content-Type') ?? '', text, response.headers.get('X-Request-Id'), response.headers.get('Retry-After'));
    noteExpiry(error, path);
    throw error;
  }
  if (!text) return undefined as T;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiError(response.status, 'internal', '', response.headers.get('X-Request-Id') ?? undefined);
  }
}

// Bytes that are kept in memory alone: the browser's own cache would leave them on a shared machine.
export async function getBytes(path: string, accept: string, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { headers: { Accept: accept }, signal, credentials: 'same-origin', cache: 'no-store' });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, 'network', '');
  }
  if (response.ok) return response;
  const error = toError(response.status, response.headers.get('Content-Type') ?? '', await response.text(), response.headers.get('X-Request-Id'), response.headers.get('Retry-After'));
  noteExpiry(error, path);
  throw error;
}

export const get = <T>(path: string, query?: Query, signal?: AbortSignal) => request<T>('GET', path, { query, signal });
export const post = <T>(path: string, json?: unknown, query?: Query) => request<T>('POST', path, { json, query });
export const put = <T>(path: string, json?: unknown) => request<T>('PUT', path, { json });
export const patch = <T>(path: string, json?: unknown) => request<T>('PATCH', path, { json });
export const del = <T>(path: string, json?: unknown) => request<T>('DELETE', path, { json });

// `accepts`: statuses beside 2xx whose body is an answer, not a problem.
export interface UploadOptions { query?: Query; contentType?: string; accept?: string; accepts?: number[]; onProgress?: (fraction: number) => void; signal?: AbortSignal }

// fetch() cannot report upload progress; XMLHttpRequest can.
export function upload<T>(path: string, body: Blob | FormData, options: UploadOptions = {}): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open('POST', withQuery(path, options.query));
    xhr.setRequestHeader('Accept', options.accept ?? 'application/json');
    if (options.contentType) xhr.setRequestHeader('Content-Type', options.contentType);
    if (csrfToken) xhr.setRequestHeader('X-CSRF-Token', csrfToken);
    xhr.upload.onprogress = (event) => { if (event.lengthComputable) options.onProgress?.(event.loaded / event.total); };
    xhr.onerror = () => reject(new ApiError(0, 'network', ''));
    xhr.onabort = () => reject(new DOMException('aborted', 'AbortError'));
    xhr.onload = () => {
      if ((xhr.status >= 200 && xhr.status < 300) || (options.accepts?.includes(xhr.status) && !/problem/.test(xhr.getResponseHeader('Content-Type') ?? ''))) {
        try {
          resolve((xhr.responseText ? JSON.parse(xhr.responseText) : undefined) as T);
        } catch {
          reject(new ApiError(xhr.status, 'internal', ''));
        }
        return;
      }
      const error = toError(xhr.status, xhr.getResponseHeader('Content-Type') ?? '', xhr.responseText, xhr.getResponseHeader('X-Request-Id'), xhr.getResponseHeader('Retry-After'));
      noteExpiry(error, path);
      reject(error);
    };
    options.signal?.addEventListener('abort', () => xhr.abort());
    xhr.send(body);
  });
}
