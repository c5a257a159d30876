import '@fontsource-variable/inter/wght.css';
import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './app/global.css';
import { setNonce } from 'get-nonce';
import { createRoot } from 'react-dom/client';
import { Root } from './app/Root';

// The node replaces the placeholder by the response's nonce; style elements made at run time carry it.
const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? '';
setNonce(nonce);

const element = document.getElementById('root');
if (element) createRoot(element).render(<Root nonce={nonce} />);
