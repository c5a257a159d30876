export { ReadPage as default } from './WorkPage';
