import { cleanup } from '@testing-library/react';
import { afterEach, vi } from 'vitest';

// What jsdom lacks and Mantine asks for.
Object.defineProperty(window, 'matchMedia', { value: (query: string) => ({ matches: false, media: query, addEventListener: vi.fn(), removeEventListener: vi.fn(), addListener: vi.fn(), removeListener: vi.fn(), onchange: null, dispatchEvent: vi.fn() }) });
class NoResize { observe() {} unobserve() {} disconnect() {} }
window.ResizeObserver = NoResize as unknown as typeof ResizeObserver;
window.HTMLElement.prototype.scrollIntoView = () => undefined;
window.HTMLCanvasElement.prototype.getContext = (() => null) as never;
afterEach(() => { cleanup(); localStorage.clear(); });
