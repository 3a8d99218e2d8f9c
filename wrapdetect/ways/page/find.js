// In every frame: finds the box for the question, the button that sends it, what asks for consent, and walls.
(() => {
  const wd = window.__wrapdetect;
  if (!wd || wd.look) return;

  const ASKING =
    /messag|ask|chat|prompt|question|type (a|your|here|some)|write|say |talk|send a|how can|help you|nachricht|frag|schreib|eingab|posez|écri|demand|mensaje|pregunt|escrib|messaggio|chied|scriv|mensagem|pergunt|escrev|сообщ|спрос|напиш|вопрос|消息|输入|提问|发送|问|訊息|メッセージ|質問|入力|메시지|질문|입력|رسالة|اسأل|संदेश|wiadomo|zapyta|napisz|bericht|vraag|mesaj|yaz/i;
  const OTHER =
    /e-?mail|user.?name|password|passwort|phone|zip|coupon|newsletter|subscribe|filter|log.?in|captcha|first name|last name|api.?key/i;
  const SEARCHING = /search|suche|recherch|buscar|cerca|поиск|搜索|検索|검색/i;

  const words = (el) =>
    ["placeholder", "data-placeholder", "aria-label", "aria-placeholder", "name", "id", "title", "data-testid"]
      .map((a) => el.getAttribute(a) || "")
      .concat([...(el.labels || [])].map((l) => l.textContent))
      .join(" ");
  const up = (el, selector) => {
    for (let n = el; n; n = n.parentNode || n.host) if (n.matches && n.matches(selector)) return n;
    return null;
  };
  const says = (el) =>
    [el.innerText || el.value || "", el.getAttribute("aria-label") || "", el.title || ""].map((t) => t.trim());

  function usable(el) {
    if (!["TEXTAREA", "INPUT"].includes(el.tagName) && !el.isContentEditable) return false;
    if (!wd.visible(el) || el.disabled || el.readOnly || el.getAttribute("aria-disabled") === "true") return false;
    const box = el.getBoundingClientRect();
    return box.width >= 40 && box.height >= 10 && !up(el, "[inert]");
  }

  function score(el) {
    const text = words(el), box = el.getBoundingClientRect();
    let points = el.tagName === "TEXTAREA" ? 30 : el.tagName === "INPUT" ? 10 : 25;
    if (ASKING.test(text)) points += 40;
    if (OTHER.test(text)) points -= 60;
    if (SEARCHING.test(text) && !/chat|ask|frag/i.test(text)) points -= 35;
    if (up(el, "header, nav, [role=search], [role=navigation], [role=banner]")) points -= 40;
    points += Math.min(20, box.width / 40) + 20 * Math.max(0, Math.min(1, box.bottom / innerHeight));
    if (sendOf(el)) points += 15;
    if (asksForMore(el)) points -= 40;
    return points;
  }
  // A form that asks for an address as well is no chat.
  const asksForMore = (el) =>
    !!el.form && [...el.form.elements].some((n) => n !== el && /mail|phone|tel\b/i.test(`${n.type} ${words(n)}`) && wd.visible(n));

  const FIELDS =
    'textarea, [contenteditable]:not([contenteditable="false"]), [role="textbox"], input:not([type]), input[type="text"], input[type="search"], input[type="none"], input[type=""]';

  function best() {
    let found = null, most = 20;
    for (const el of wd.all(FIELDS)) {
      if (!usable(el)) continue;
      const points = score(el);
      if (points > most) [found, most] = [el, points];
    }
    return [found, most];
  }

  // ---- The button that sends

  const SENDS = /^(send|submit|ask|go|chat|senden|absenden|abschicken|fragen|envoyer|poser|enviar|preguntar|invia|chiedi|отправить|спросить|发送|提交|送信|보내기|전송|verzenden|wyślij|gönder)\b|send (message|prompt)|^(→|➤|↑|⬆|▶|►|➜|✈)/i;
  const NOT_SENDS =
    /attach|upload|file|image|micro|voice|dictat|speech|clear|reset|new chat|setting|stop|cancel|model|menu|tools|emoji|close|undo|retry|regenerate|delete/i;
  const CLICKABLE = 'button, [role="button"], input[type="submit"], input[type="button"], input[type="image"]';

  function sendOf(box) {
    const scope = [];
    for (let n = box.parentNode || box.host, k = 0; n && k < 7; n = n.parentNode || n.host, k++) scope.push(n);
    const at = box.getBoundingClientRect();
    for (const part of scope) {
      if (!part.querySelectorAll) continue;
      let found = null, most = 10;
      for (const el of part.querySelectorAll(CLICKABLE)) {
        if (!wd.visible(el)) continue;
        const said = says(el), all = `${said.join(" ")} ${el.id} ${el.getAttribute("data-testid") || ""}`;
        let points = el.type === "submit" && el.form && el.form === box.form ? 15 : 0;
        if (said.some((t) => SENDS.test(t)) || /send|submit/i.test(`${el.id} ${el.className}`)) points += 40;
        if (NOT_SENDS.test(all)) points -= 60;
        const spot = el.getBoundingClientRect();
        if (!said[0] && el.querySelector("svg, img")) points += 5;
        if (spot.left >= at.left + at.width / 2) points += 8;
        if (points > most) [found, most] = [el, points];
      }
      if (found) return found;
    }
    return null;
  }

  // ---- What opens a chat that is closed

  const CHATTY =
    /chat|messag|messenger|assistant|support|help|\bask\b|talk to|launcher|copilot|\bbot\b|frag|hilfe|aide|ayuda|aiuto|ajuda|помощ|чат|客服|聊天|咨询|チャット|채팅|상담/i;
  const NO_CHAT =
    /cookie|consent|accept|reject|close|dismiss|minimi|scroll|to top|\bcart|log.?in|sign.?(in|up)|share|search|subscribe|call us|phone|whatsapp|e-?mail|language|theme|logout|download|delete|remove|buy|order|pay/i;
  const OPENERS =
    'button, [role="button"], a, [onclick], [tabindex="0"], [class*="launcher" i], [id*="launcher" i], [class*="chat" i], [id*="chat" i]';

  function opens(el) {
    const spot = el.getBoundingClientRect();
    if (spot.width > 320 || spot.height > 160 || el.disabled || (el.type === "submit" && el.form)) return 0;
    const link = el.tagName === "A" && el.getAttribute("href") && !/^(#|javascript:)/.test(el.getAttribute("href"));
    if (link || (wd.candidate && wd.within(wd.candidate, el))) return 0;
    const named = `${says(el).join(" ")} ${el.id} ${typeof el.className === "string" ? el.className : ""}`;
    if (NO_CHAT.test(named)) return 0;
    const pressable = /^(BUTTON|A)$/.test(el.tagName) || el.getAttribute("role") === "button" || el.onclick;
    if (!pressable && getComputedStyle(el).cursor !== "pointer") return 0;
    let points = CHATTY.test(named) ? 40 : 0;
    for (let n = el, k = 0; n && k < 5; n = wd.parent(n), k++)
      if (n instanceof Element && /^(fixed|sticky|absolute)$/.test(getComputedStyle(n).position)) {
        points += 20;
        break;
      }
    const small = window !== top && innerWidth <= 200 && innerHeight <= 200; // a frame for the button alone
    const right = (spot.left + spot.right) / 2 > 0.6 * innerWidth, low = (spot.top + spot.bottom) / 2 > 0.6 * innerHeight;
    if (small || (right && low)) points += 20;
    if (small) points += 20;
    return points + (spot.width <= 120 && spot.height <= 120 ? 5 : 0);
  }
  wd.launcher = (sure) => {
    let found = null, most = sure ? 60 : 40;
    for (const el of wd.all(OPENERS).slice(0, 3000)) {
      const points = wd.visible(el) ? opens(el) : 0;
      if (points > most) [found, most] = [el, points];
    }
    return found;
  };

  // ---- Consent, and walls

  const ACCEPTS =
    /^(i )?(accept|agree|allow|ok(ay)?|got it|understood?|consent|continue|yes|accept (all|cookies|all cookies|and continue|& continue)|allow (all|cookies|all cookies)|agree (and|&) continue|i understand|start( chatting| chat)?|alle(s)? akzeptieren|akzeptieren|zustimmen|einverstanden|verstanden|alle cookies akzeptieren|annehmen|tout accepter|accepter|j'accepte|d'accord|compris|aceptar( todo| todas)?|acepto|de acuerdo|entendido|accetta( tutto| tutti)?|accetto|ho capito|aceitar( tudo| todos)?|aceito|принять( все)?|согласен|понятно|accepteren|akkoord|alles accepteren|akceptuję|zgadzam się|zaakceptuj( wszystkie)?|kabul et|tümünü kabul et|同意|接受|全部接受|确定|好的|同意する|すべて許可|承諾|동의|모두 동의|확인|godkänn( alla)?|acceptera( alla)?|accept[eé]r( alle)?|godta( alle)?|hyväksy( kaikki)?)[\s.!✓→]*$/i;
  const ASKS_CONSENT = /cookie|consent|gdpr|privacy|banner|terms|disclaimer|notice|overlay|modal|popup|dialog|agree|welcome|onboard|gate|wall/i;

  const ABOUT_CONSENT =
    /cookie|consent|gdpr|privacy|terms|datenschutz|einwilligung|confidentialit|privacidad|informativa|конфиденциальн|隐私|協議|协议|同意|プライバシー|개인정보/i;

  // Whether a button stands in a banner or dialog that speaks of consent; where the way is `blocked`, in any that lies over it.
  function asksConsent(el, blocked) {
    for (let n = el.parentNode || el.host, k = 0; n && k < 10; n = n.parentNode || n.host, k++) {
      if (!n.matches || n === document.body || n === document.documentElement) continue;
      if (wd.candidate && wd.within(wd.candidate, n)) return false;
      const named = `${n.id} ${typeof n.className === "string" ? n.className : ""}`;
      const over = n.matches('dialog, [role="dialog"], [role="alertdialog"], [aria-modal="true"]');
      if (blocked && (over || ASKS_CONSENT.test(named) || /^(fixed|sticky)$/.test(getComputedStyle(n).position))) return true;
      const text = n.innerText || "";
      if (text.length < 4000 && (ABOUT_CONSENT.test(named) || ABOUT_CONSENT.test(text))) return true;
    }
    return false;
  }

  const SIGNS_IN = 'input[type="password"], input[type="email"], input[type="tel"]';

  function consent(lost) {
    const blocked = lost && !wd.all(SIGNS_IN).some(wd.visible); // "continue" may sign in there
    for (const el of wd.all('button, [role="button"], a, input[type="submit"], input[type="button"]')) {
      if (!says(el).some((t) => t && t.length <= 40 && ACCEPTS.test(t)) || !wd.visible(el) || el.disabled) continue;
      if (el.form && el.form.querySelector(SIGNS_IN)) continue;
      if (el.tagName === "A" && /^https?:/.test(el.href) && el.hostname !== location.hostname) continue;
      if (asksConsent(el, blocked) || (blocked && !wd.candidate)) return el;
    }
    return null;
  }

  const CAPTCHAS = [
    ["reCAPTCHA", /re-?captcha/i], ["hCaptcha", /h-?captcha/i], ["Turnstile", /turnstile|challenges\.cloudflare/i],
    ["Arkose", /arkose|funcaptcha/i], ["captcha", /captcha/i],
  ];
  const ROBOT =
    /verify (that )?you are (a )?human|confirm you are (a )?human|i'?m not a robot|are you a robot|checking your browser|unusual traffic|prove you('| a)re human|bist du ein mensch|kein roboter|je ne suis pas un robot|no soy un robot|我不是机器人|人机验证/i;
  const SIGN_IN =
    /(log|sign) ?in (to|with|or|below|before)|please (log|sign) ?in|you (must|need to|have to) (be )?(log|sign)(ged)? ?in|login required|sign up (to|for)|create an account|anmelden, um|bitte (melden|einloggen|anmelden)|connectez-vous|identifiez-vous|inicia(r)? sesión|accedi per|войдите|请登录|登录后|ログインして|로그인/i;

  function robots() {
    for (const el of wd.all('iframe, div, section, form, input[type="hidden"], script[src]')) {
      const marks = `${el.getAttribute("src") || ""} ${el.id} ${typeof el.className === "string" ? el.className : ""} ${el.title || ""}`;
      if (!/captcha|turnstile|arkose|challenges\.cloudflare/i.test(marks)) continue;
      if (el.tagName !== "SCRIPT" && el.type !== "hidden" && !el.checkVisibility()) continue;
      return CAPTCHAS.find(([, pattern]) => pattern.test(marks))[0];
    }
    return "";
  }
  function captcha() {
    const found = robots();
    if (found) return found;
    const shown = document.body ? document.body.innerText.slice(0, 20000) : "";
    return (ROBOT.exec(`${document.title} ${shown}`) || [""])[0];
  }
  function login() {
    const field = wd.all('input[type="password"]').find(wd.visible);
    if (field) return "a password is asked for";
    const shown = document.body ? document.body.innerText.slice(0, 20000) : "";
    const said = SIGN_IN.exec(shown);
    if (said) return `"${shown.slice(said.index, said.index + 60).split("\n")[0].trim()}"`;
    return "";
  }

  // ---- What python asks

  wd.look = () => {
    const [box, points] = best();
    wd.candidate = box;
    wd.rest();
    const named = !!box && ASKING.test(words(box)) && !SEARCHING.test(words(box)) && !asksForMore(box);
    return { points: box ? points : 0, named, captcha: captcha(), login: login(), ready: document.readyState };
  };
  // Walls by what they are made of, not by what they say: an answer may speak of anything.
  wd.walls = () => ({ captcha: robots(), login: wd.all('input[type="password"]').some(wd.visible) ? "a password is asked for" : "" });
  wd.take = (box) => {
    wd.box = box || wd.candidate;
    return wd.box;
  };
  wd.consentButton = (blocked) => consent(blocked);
  wd.sendButton = () => (wd.box ? sendOf(wd.box) : null);
  wd.held = () => {
    const box = wd.box;
    if (!box || !box.isConnected) return null;
    return { text: "value" in box && box.value !== undefined ? box.value : box.innerText, usable: usable(box) };
  };
  const STOPS =
    /^(stop|cancel)( generating| generation| response| responding| answering)?$|stop (generating|generation|response|streaming|responding)|^(abbrechen|stopp|anhalten|arrêter|detener|parar|停止|停止生成|остановить|中止|중지)/i;
  const BUSY = '[aria-busy="true"], [data-is-streaming="true"], [data-test-script-state="running"], .result-streaming';
  // Whether the page says that it is still answering: by what to stop it with, or by a mark.
  wd.working = () =>
    wd.all(BUSY).some(wd.visible) ||
    wd.all(CLICKABLE).some((el) => says(el).some((t) => t.length < 40 && STOPS.test(t)) && wd.visible(el) && !el.disabled);
  wd.stopping = () => !wd.worked && wd.working();
  wd.stored = () => {
    const values = [];
    for (const name of ["localStorage", "sessionStorage"]) {
      try {
        for (let k = 0; k < window[name].length; k++) values.push(window[name].getItem(window[name].key(k)));
      } catch {
        /* a frame without storage */
      }
    }
    return values.filter((v) => v.length >= 8 && v.length <= 200000).slice(0, 500);
  };
})();
