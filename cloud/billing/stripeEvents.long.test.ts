// The same tests, with every order that events can come in.
import './stripeEvents.test.ts';
