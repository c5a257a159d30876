import { defineConfig } from 'vitest/config';

// `npm run dev` talks to a node on this address; the built files are served by the node itself.
const node = process.env.ACESO_NODE ?? 'http://127.0.0.1:8080';

export default defineConfig({
  esbuild: { jsx: 'automatic' },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
    rollupOptions: {
      // Libraries mark their files for servers that render React; there is no such server here.
      onwarn(warning, warn) {
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') warn(warning);
      },
      output: {
        // One chunk for what every page needs: two would share the helpers for CommonJS and so import each other, and which of
        // a cycle runs first is the bundler's choice.
        manualChunks(id: string) {
          if (id.includes('commonjsHelpers')) return 'libraries';
          if (/node_modules\/(react|react-dom|scheduler|wouter|@tanstack|regexparam|mitt|@floating-ui|@mantine\/(core|hooks|notifications|modals|store))\//.test(id)) return 'libraries';
          return undefined;
        },
      },
    },
  },
  server: { proxy: { '/api': node, '/v2': node, '/healthz': node, '/readyz': node } },
  test: {
    environment: 'jsdom',
    include: ['test/**/*.test.{ts,tsx}'],
    setupFiles: ['test/setup.ts'],
    css: false,
    testTimeout: 30_000,
    pool: 'threads',
    poolOptions: { threads: { maxThreads: 2, minThreads: 1 } },
  },
});
