export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" fill="#0f7d66" />
      <g fill="none" stroke="#fff" strokeWidth="2.6" strokeLinecap="round" strokeLinejoin="round">
        <path d="M6.5 25.5 14.6 7.4a1.5 1.5 0 0 1 2.8 0l8.1 18.1" />
        <path d="M10.2 20.2h3l1.7-4 2.5 6.4 1.5-2.4h2.9" strokeWidth="1.9" stroke="#a6e2d2" />
      </g>
    </svg>
  );
}
