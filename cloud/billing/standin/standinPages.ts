import type { CheckoutSession, PortalSession, Price, Subscription } from './standinState.ts';

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem;color:#1c1f24;background:#f6f7f9}
main{background:#fff;border:1px solid #d9dde3;border-radius:10px;padding:1.5rem}h1{font-size:1.25rem;margin:0 0 .5rem}
p{margin:.5rem 0}label{display:block;margin:1rem 0 .25rem}input{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;border:1px solid #aab2bd;border-radius:6px}
button{font:inherit;margin:1rem .5rem 0 0;padding:.5rem 1rem;border-radius:6px;border:1px solid #2456c7;background:#2456c7;color:#fff;cursor:pointer}
.note{font-size:.85rem;color:#57606a}.error{color:#b42318}@media(prefers-color-scheme:dark){body{color:#e6e8eb;background:#15181c}main{background:#1d2126;border-color:#343a42}input{background:#15181c;color:inherit}}`;

/** The hosted page where a test or a person pays. */
export function payPage(session: CheckoutSession, price: Price, problem?: string): string {
  const cancel = session.cancel_url
    ? `<p><a href="${escapeText(session.cancel_url)}">Go back without paying</a></p>`
    : '';
  return page(
    `Pay for ${price.nickname}`,
    `<p><strong>${amount(price)}</strong></p>${problem ? `<p class="error" role="alert">${escapeText(problem)}</p>` : ''}
<form method="post"><label for="card">Card number</label>
<input id="card" name="card" inputmode="numeric" autocomplete="off" value="4242 4242 4242 4242" required>
<button name="pay" value="1">Pay</button></form>${cancel}`,
  );
}

/** The hosted page where a payer changes or ends a subscription. */
export function portalPage(portal: PortalSession, current: Subscription | undefined, prices: Price[]): string {
  const back = portal.return_url ? `<p><a href="${escapeText(portal.return_url)}">Go back</a></p>` : '';
  if (!current) return page('Your subscription', `<p>There is no subscription.</p>${back}`);
  const price = current.items?.data?.[0]?.price as Price | undefined;
  const buttons = [
    current.cancel_at_period_end
      ? button('resume', 'Keep the subscription')
      : button('cancel', 'Cancel at the end of the period'),
    button('end', 'End it now'),
    ...prices
      .filter(({ id, recurring }) => id !== price?.id && recurring?.interval === price?.recurring?.interval)
      .map((other) => button(`switch:${other.id}`, `Change to ${other.nickname} (${amount(other)})`)),
  ];
  return page(
    'Your subscription',
    `<p>${escapeText(price?.nickname ?? '')}, ${price ? amount(price) : ''}</p><form method="post">${buttons.join('')}</form>${back}`,
  );
}

/** The page that asks once more before a subscription changes to another price. */
export function confirmPage(portal: PortalSession, price: Price): string {
  const back = portal.return_url ? `<p><a href="${escapeText(portal.return_url)}">Go back</a></p>` : '';
  return page(
    `Change to ${price.nickname}`,
    `<p><strong>${amount(price)}</strong></p><form method="post">${button(`switch:${price.id}`, 'Confirm')}</form>${back}`,
  );
}

export function messagePage(title: string, text: string): string {
  return page(title, `<p>${escapeText(text)}</p>`);
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeText(title)}</title><style>${STYLE}</style></head><body><main><h1>${escapeText(title)}</h1>${body}<p class="note">This is the built-in stand-in of the payment provider. No money moves. Declined card: 4000 0000 0000 0002.</p></main></body></html>`;
}

function button(action: string, label: string): string {
  return `<button name="action" value="${escapeText(action)}">${escapeText(label)}</button>`;
}

function amount({ unit_amount, recurring }: Price): string {
  return `$${((unit_amount ?? 0) / 100).toFixed(2)} per ${recurring?.interval ?? 'month'}`;
}

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
