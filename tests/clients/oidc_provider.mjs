// An OpenID provider that nobody here wrote (oidc-provider, certified): one client, one person who signs in at once, by the browser or by telephone.
// node oidc_provider.mjs PORT REDIRECT_URI AFTER_SIGN_OUT PERSON(JSON)
import http from 'node:http';
import Provider from 'oidc-provider';

const [port, redirect, after, said] = process.argv.slice(2);
const person = JSON.parse(said);
const issuer = `http://127.0.0.1:${port}`;
const answers = new Map(); // what was asked on telephones, by its request

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'maillage', client_secret: 'a-secret-of-the-test', redirect_uris: [redirect], post_logout_redirect_uris: [after],
    grant_types: ['authorization_code', 'urn:openid:params:grant-type:ciba'], token_endpoint_auth_method: 'client_secret_post',
    backchannel_token_delivery_mode: 'poll',
  }],
  acrValues: ['eidas1'],
  scopes: ['openid', 'scope_all'],
  claims: { openid: ['sub'], scope_all: Object.keys(person), acr: null, auth_time: null, amr: null, sid: null, iss: null },
  pkce: { required: () => true },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...person }) }),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: { enabled: true, logoutSource: (ctx, form) => { ctx.body = form; } },
    ciba: {
      enabled: true,
      deliveryModes: ['poll'],
      processLoginHint: (ctx, hint) => (hint === person.SubjectNameID ? hint : undefined),
      validateBindingMessage: (ctx, message) => { if (!/^\d{2}$/.test(message ?? '')) throw new Error('two digits are needed'); },
      validateRequestContext: () => {},
      verifyUserCode: () => {},
      triggerAuthenticationDevice: (ctx, request) => { answers.set(request.jti, request); },
    },
  },
});
provider.proxy = false;

async function grantOf(client, account) {
  const grant = new provider.Grant({ clientId: client, accountId: account });
  grant.addOIDCScope('openid scope_all');
  return grant;
}

// The person's telephone: POST /telephone answers yes to all that waits.
async function telephone(response) {
  for (const [id, request] of answers) {
    const grant = await grantOf('maillage', request.accountId);
    await grant.save();
    await provider.backchannelResult(request, grant, { acr: 'eidas1' });
    answers.delete(id);
  }
  response.writeHead(204).end();
}

async function interaction(request, response) {
  const { prompt, params } = await provider.interactionDetails(request, response);
  const account = person.SubjectNameID;
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: account, acr: 'eidas1', amr: ['hwk'] } });
  }
  const grantId = await (await grantOf(params.client_id, account)).save();
  return provider.interactionFinished(request, response, { consent: { grantId } }, { mergeWithLastSubmission: true });
}

http.createServer((request, response) => {
  const act = request.url.startsWith('/interaction/') ? interaction(request, response)
    : request.url === '/telephone' ? telephone(response) : provider.callback()(request, response);
  Promise.resolve(act).catch((error) => { console.error(error); response.writeHead(500).end(String(error)); });
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
process.stdin.on('end', () => process.exit()).resume();
