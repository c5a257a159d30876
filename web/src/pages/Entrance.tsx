// The two pages before the shell: first-run set-up and sign-in, beside a drawn slice of a phantom.
import { Box, Group, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { LanguageSwitch, ResearchBadge, ThemeSwitch } from '../components/bits';
import { Logo } from '../components/Logo';
import { useI18n } from '../i18n';

export function Entrance({ children }: { children: ReactNode }) {
  const { t } = useI18n();
  return (
    <div className="entrance">
      <Box className="entrance-form" component="main">
        <Group justify="space-between">
          <span className="brand"><Logo />Aceso</span>
          <ResearchBadge />
        </Group>
        <Box my="auto" mx="auto" w="100%" maw={380} py="xl">{children}</Box>
        <Group justify="space-between" gap="sm"><LanguageSwitch /><ThemeSwitch /></Group>
      </Box>
      <aside className="entrance-art" aria-label={t('app.tagline')}>
        <Slice />
        <div className="entrance-words">
          <Text fz={30} fw={600} lh={1.2}>{t('app.tagline')}</Text>
          <Text size="sm" mt="sm" c="#a9c4bb">{t('app.researchLong')}</Text>
        </div>
      </aside>
    </div>
  );
}

// An axial chest slice in contour lines: body, ribs, lungs, vessels. Drawn, not taken from anyone.
function Slice() {
  const rings = Array.from({ length: 9 }, (_, i) => i);
  return (
    <svg viewBox="0 0 800 900" preserveAspectRatio="xMidYMid slice" aria-hidden="true" fill="none">
      <g stroke="#2fb394" strokeWidth="1.2">
        {rings.map((i) => <ellipse key={`b${i}`} cx="400" cy="380" rx={332 + i * 26} ry={236 + i * 26} opacity={0.42 - i * 0.043} />)}
        {rings.slice(0, 7).map((i) => {
          const s = 1 - i * 0.135;
          return (
            <g key={`l${i}`} opacity={0.25 + i * 0.08}>
              <path transform={`translate(262 385) scale(${s})`} d="M-10-150C70-150 100-60 92 40 86 120 30 170-40 160-120 148-140 60-128-20-116-98-74-150-10-150Z" />
              <path transform={`translate(545 385) scale(${s})`} d="M10-150C-62-150-84-70-70 0-64 36-92 62-88 100-82 146-20 168 40 160 120 148 140 60 128-20 116-98 74-150 10-150Z" />
            </g>
          );
        })}
      </g>
      <g stroke="#76d3bb" strokeWidth="1.5" opacity="0.55">
        <circle cx="404" cy="540" r="44" /><circle cx="404" cy="540" r="30" /><circle cx="404" cy="540" r="15" />
        <path d="M365 578c-20 26-14 50 6 58M443 578c20 26 14 50-6 58" />
        <path d="M360 300c-8-44 30-76 74-66 46 10 62 64 34 104-26 38-96 28-108-38Z" />
        <path d="M374 302c-5-32 22-54 54-47 34 8 45 46 25 75-19 27-70 20-79-28Z" />
      </g>
      <g fill="#4cc4a6" opacity="0.8">
        <circle cx="296" cy="340" r="3.2" /><circle cx="236" cy="428" r="2.6" /><circle cx="270" cy="470" r="2" /><circle cx="216" cy="350" r="2.2" /><circle cx="548" cy="440" r="2.8" /><circle cx="590" cy="352" r="2.2" /><circle cx="520" cy="320" r="2.6" />
      </g>
      <circle cx="598" cy="430" r="17" stroke="#ffb38f" strokeWidth="2" /><circle cx="598" cy="430" r="5" fill="#ffb38f" />
    </svg>
  );
}
