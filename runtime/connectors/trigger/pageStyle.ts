const LIGHT = `
  --canvas:oklch(.968 .004 262); --panel:oklch(1 0 0); --line-control:oklch(.62 .010 262);
  --ink:oklch(.235 .015 262); --ink-2:oklch(.40 .014 262); --ink-3:oklch(.48 .013 262);
  --accent:oklch(.52 .205 262); --accent-hover:oklch(.47 .205 262); --on-accent:oklch(1 0 0);
  --bad:oklch(.49 .185 25); --bad-soft:oklch(.962 .020 25); --bad-line:oklch(.72 .13 25);`;
const DARK = `
  --canvas:oklch(.165 .007 262); --panel:oklch(.208 .009 262); --line-control:oklch(.55 .014 262);
  --ink:oklch(.945 .005 262); --ink-2:oklch(.79 .009 262); --ink-3:oklch(.72 .011 262);
  --accent:oklch(.54 .195 262); --accent-hover:oklch(.58 .19 262); --on-accent:oklch(1 0 0);
  --bad:oklch(.775 .125 22); --bad-soft:oklch(.262 .046 22); --bad-line:oklch(.56 .115 23);`;

/** How pages look that outsiders see. Light or dark as the system says; nothing is loaded for it. */
export const PAGE_STYLE = `:root{color-scheme:light;${LIGHT}}
@media (prefers-color-scheme:dark){:root{color-scheme:dark;${DARK}}}
*{box-sizing:border-box}
body{margin:0;background:var(--canvas);color:var(--ink);font:16px/24px system-ui,sans-serif}
main{max-width:600px;margin:0 auto;padding:40px 16px}
.card{display:grid;gap:24px;padding:32px;border:1px solid var(--line-control);border-radius:12px;background:var(--panel)}
h1{margin:0;font-size:24px;line-height:32px;font-weight:600;overflow-wrap:anywhere}
h2{margin:0;font-size:16px;line-height:24px;font-weight:600}
p{margin:0;color:var(--ink-2);overflow-wrap:anywhere;white-space:pre-line}
form{display:grid;gap:20px;margin:0}
.field,fieldset{display:grid;gap:6px;min-width:0;margin:0;padding:0;border:0}
label,legend{padding:0;font-weight:600}
.hint{font-size:14px;line-height:20px;color:var(--ink-3)}
input:not([type=checkbox],[type=hidden]),select,textarea{width:100%;min-height:44px;padding:9px 12px;border:1px solid var(--line-control);border-radius:8px;background:var(--panel);color:var(--ink);font:inherit}
textarea{min-height:120px;resize:vertical}
.check{display:flex;gap:10px;align-items:flex-start}
.check input{flex:none;width:20px;height:20px;margin:2px 0;accent-color:var(--accent)}
.check label{font-weight:400}
.actions{display:flex;flex-wrap:wrap;gap:12px}
button{min-height:44px;padding:0 20px;border:1px solid transparent;border-radius:8px;background:var(--accent);color:var(--on-accent);font:inherit;font-weight:600;cursor:pointer}
button:hover{background:var(--accent-hover)}
button.quiet{border-color:var(--line-control);background:transparent;color:var(--ink)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.faults{display:grid;gap:8px;padding:16px;border:1px solid var(--bad-line);border-radius:8px;background:var(--bad-soft)}
.faults ul{margin:0;padding-left:20px}
.fault{font-size:14px;line-height:20px;color:var(--bad);font-weight:600}
[aria-invalid=true]{border-color:var(--bad)!important}
a{color:inherit}
`;
