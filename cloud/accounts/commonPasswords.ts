/** What people who guess try first, as far as it is long enough to be allowed at all. Lower case. */
export const COMMON_PASSWORDS: ReadonlySet<string> = new Set(
  `
    00000000 10203040 102030405 11111111 11223344 112233445 12121212 123123123 12341234 123454321 1234554321
    12345678 123456789 1234567890 1234abcd 1234qwer 123qweasd 13131313 147258369 159753456 19841984 1password
    1q2w3e4r 1q2w3e4r5t 1qaz2wsx 20202020 55555555 66666666 741852963 77777777 789456123 87654321 88888888
    963852741 987654321 99999999 a1b2c3d4 aa123456 aaaaaaaa abc12345 abcd1234 abcdefg1 abcdefgh admin123 admin1234
    administrator arsenal1 asdf1234 asdfghjk asdfghjkl autumn2026 azerty123 azertyuiop babygirl baseball basketball
    batman123 blink182 butterfly changeit changeme changeme1 charlie1 cheese123 chelsea1 chocolate computer
    contraseña cookie123 correcthorse correcthorsebatterystaple corvette december default1 demo1234 dragon123
    dropbox1 example1 facebook ferrari1 flower123 football freedom1 friday123 google123 guest123 hello123 hello1234
    hellohello helloworld hunter12 iloveyou iloveyou1 iloveyou2 internet january1 jennifer jessica1 jordan23
    killer123 letmein1 letmein123 linkedin liverpool lovely123 loveyou1 manchester master123 mercedes michael1
    michelle monday123 monkey123 motdepasse mustang1 mypassword nopassword november1 p@ssw0rd p@ssword passw0rd
    password password! password1 password1! password12 password123 password2 passwort passwort1 pokemon1 pokemon123
    princess q1w2e3r4 q1w2e3r4t5 qazwsxedc qwe123qwe qweasdzxc qwerty123 qwerty1234 qwertyui qwertyuiop qwertz123
    qwertzui sample123 samsung1 secret12 secret123 shadow123 sluice123 spring2026 starwars summer2024 summer2025
    summer2026 sunshine superman temp1234 temporary test1234 test12345 testing1 testing123 testtest trustno1
    welcome1 welcome12 welcome123 whatever winter2024 winter2025 winter2026 workflow workflow1 yourpassword
    zaq12wsx zxcvbnm, zxcvbnm1 zxcvbnm123
  `
    .trim()
    .split(/\s+/),
);
