// Constants of the special functions, made by benchmarks/accuracy/fit_special.py, which says how.
#pragma once
// clang-format off
#include <array>

namespace tandem::math {

// (1 + 2a) exp(a^2) erfc(a) by (a - 4) / (a + 4), a in [0, 28] (error 2^-59.2)
inline constexpr std::array<double, 25> kErfcScaled{
    -0x1.a098eee4d7448p-55, 0x1.3ba5916e9fd7fp0, -0x1.1df1ad154a28fp-3, 0x1.f7f5df66fd6ep-7, 0x1.16ecefcfa5478p-4,
    -0x1.9ddb23c3e89d4p-4, 0x1.7fee004e1020dp-4, -0x1.0fb06dfe54985p-4, 0x1.3079edf6cedadp-5, -0x1.09623882b547p-6,
    0x1.49c672703f9c6p-8, -0x1.8d4a9c38e50e6p-11, -0x1.a1df16b49e379p-13, 0x1.3be06ab2b078cp-13,
    -0x1.995ac24b5406ep-16, -0x1.788d97a947ae1p-17, 0x1.7f342a9886845p-18, 0x1.3bce06f16db34p-22,
    -0x1.bb6eab414a078p-21, 0x1.3e7e10e7d6ea6p-24, 0x1.d9e4636e6c2bbp-24, -0x1.2ca51a3a6b04p-26,
    -0x1.e3c10f979b7dap-27, 0x1.cf35cf5f3bb39p-30, 0x1.4a49b1dfe659bp-30};

// (1 + 2a) exp(a^2) erfc(a) by (a - 3) / (a + 3), a in [0, 10.2] (error 2^-34.8)
inline constexpr std::array<double, 13> kErfcScaledF32{
    0x1.40c522d7e0e9dp0, -0x1.15c084d65e2dep-3, -0x1.85a15c1aa5badp-5, 0x1.09836c5e165e3p-3, -0x1.e88b7d6f43494p-4,
    0x1.17c9769fc1733p-4, -0x1.857708ea341dfp-6, 0x1.4c13dc8eecf11p-9, 0x1.f093b105a09fdp-10, -0x1.9e316bb3c407dp-11,
    -0x1.09ce628840599p-13, 0x1.09b6f37b4a5a3p-13, 0x1.15aecf175d924p-15};

// lgamma(1 + w) / (w (w - 1)) by (w - -0.25) / 0.25 (error 2^-59.9)
inline constexpr std::array<double, 23> kLgamma0{
    0x1.4ab3f5ec7a698p-57, 0x1.4d0e35f51a18bp-1, -0x1.68d0e724a2f56p-4, 0x1.2d24b6e9d82b9p-6, -0x1.27d8568c43728p-8,
    0x1.3aa2bb2038e7p-10, -0x1.5e2fbad66e462p-12, 0x1.915a51ac20bcap-14, -0x1.d592180744784p-16,
    0x1.16f3ffa0856b9p-17, -0x1.4f701f1c17433p-19, 0x1.974994647436dp-21, -0x1.f2808905ff8d9p-23,
    0x1.332d55af5f7f3p-24, -0x1.7cb8702c265b8p-26, 0x1.d8eb0e6035e69p-28, -0x1.27868d99fb805p-29,
    0x1.7f521eb269609p-31, -0x1.e65a30a28ff8p-33, 0x1.d4977500af4cep-35, -0x1.1cd4af10a5724p-36,
    0x1.ab426b2394583p-37, -0x1.1936ee0c85baep-38};

// lgamma(1 + w) / (w (w - 1)) by (w - 0.5) / 0.5 (error 2^-59.5)
inline constexpr std::array<double, 23> kLgamma1{
    0x1.3f1a6a048a052p-56, 0x1.eeb95b094c191p-2, -0x1.2aed059bd608ap-4, 0x1.01af62a2929c3p-6, -0x1.007aa83cee171p-8,
    0x1.133423527ecbbp-10, -0x1.34dbda149fc31p-12, 0x1.64f0664c89663p-14, -0x1.a503522c231ffp-16,
    0x1.f814baa02abc6p-18, -0x1.313e8b783ed45p-19, 0x1.750a7b1bf43e8p-21, -0x1.cb449a7f49e19p-23,
    0x1.1c7e17e2b17b7p-24, -0x1.6243a2da6c907p-26, 0x1.b9e6eed69d6fdp-28, -0x1.1539f4cf989d4p-29,
    0x1.68e040bea6f49p-31, -0x1.cad80f9f1ed57p-33, 0x1.bae9326f6ddedp-35, -0x1.0f6537d221201p-36,
    0x1.9701e71aec9f9p-37, -0x1.0b521bcb3e0a3p-38};

// lgamma(1 + w) / (w (w - 1)) by (w - 2) / 1 (error 2^-59.1)
inline constexpr std::array<double, 23> kLgamma2{
    0x1.bf901849b6f5p-57, 0x1.62e42fefa39efp-2, -0x1.def8bd73867fep-5, 0x1.aede3660fcb24p-7, -0x1.b4c4ca54839a1p-9,
    0x1.d8cdb770bf35ep-11, -0x1.0ab1113fcad66p-12, 0x1.35711f3c755f2p-14, -0x1.6e60926d223a5p-16,
    0x1.b86658fd7d723p-18, -0x1.0bcc11d1b7a93p-19, 0x1.48b4743b99e9ep-21, -0x1.967e22a05ed2fp-23,
    0x1.f9ddddfcc1fd6p-25, -0x1.3c5ce46e75f6bp-26, 0x1.8c4eb002f6e5ep-28, -0x1.f35ce2a273567p-30,
    0x1.4686e3b47836ep-31, -0x1.a0877857ddabdp-33, 0x1.91fef902e97bp-35, -0x1.f007120487662p-37,
    0x1.767c064bbd574p-37, -0x1.ebf57fdaa7cc2p-39};

// lgamma(1 + w) / (w (w - 1)) by (w - 5) / 2 (error 2^-58.8)
inline constexpr std::array<double, 23> kLgamma3{
    -0x1.d0b0e43ade0fp-57, 0x1.ea3d393a0c2dcp-3, -0x1.6f3598c0d5f23p-5, 0x1.5b58f3d4d702dp-7, -0x1.69e6e8aae7945p-9,
    0x1.8e0aa1ae8c168p-11, -0x1.c559a0f4d864ep-13, 0x1.0891bc9bc190ap-14, -0x1.3a718ebcda1fp-16,
    0x1.7af6ede52a6f1p-18, -0x1.cdcafb654d8dp-20, 0x1.1be30cbac09dep-21, -0x1.5f9f2be52da02p-23,
    0x1.b647cf0866f4bp-25, -0x1.128d9a4f80eb5p-26, 0x1.5883ec472758ep-28, -0x1.b2f050164ce16p-30,
    0x1.1d30448e889f2p-31, -0x1.6c7550c4862f7p-33, 0x1.5ecdd4e8a34a3p-35, -0x1.b2bcb754eb19fp-37,
    0x1.4b1136065d96cp-37, -0x1.b3076e1deec83p-39};

// digamma(1 + w) / (1 + w - root) by (w - 0.5) / 0.5 (error 2^-58.5)
inline constexpr std::array<double, 24> kDigamma1{
    0x1.8d0233cb8b1bap-55, 0x1.e6f0cbb873616p-1, -0x1.b1cb63005ee98p-3, 0x1.eca189b8e6f76p-5, -0x1.2feeeb98a7963p-6,
    0x1.8512e5903858p-8, -0x1.fb44202a1b916p-10, 0x1.4de9aa17cd8edp-11, -0x1.b9f8b11dd1e7bp-13, 0x1.2564716399e86p-14,
    -0x1.863563b1d6658p-16, 0x1.03c0b0c1dedcep-17, -0x1.5a06abb1f8f8fp-19, 0x1.cd1f81d295107p-21,
    -0x1.336d699a181fbp-22, 0x1.99dc5cb8bf69fp-24, -0x1.0fb6a1f6ef14p-25, 0x1.69ed8d056e691p-27,
    -0x1.fd6aaf8506fc8p-29, 0x1.5595db50d2e8p-30, -0x1.3022e73831027p-32, 0x1.8824868376d72p-34,
    -0x1.756e1c266e7dfp-34, 0x1.fba327b0ce2bap-36};

// digamma(1 + w) / (1 + w - root) by (w - 2) / 1 (error 2^-58.7)
inline constexpr std::array<double, 24> kDigamma2{
    0x1.b8116969779b8p-57, 0x1.331f0f64c1cap-1, -0x1.10cbbbee883f4p-3, 0x1.2af98b577229ap-5, -0x1.63231518d2a55p-7,
    0x1.b7a810f72844p-9, -0x1.16d2dc486c114p-10, 0x1.671c15219f6eap-12, -0x1.d33a2cb604ac9p-14, 0x1.320f9bef945a6p-15,
    -0x1.92ebc48334be8p-17, 0x1.0a214f32b191dp-18, -0x1.606c2e667c683p-20, 0x1.d3897f35f7e8fp-22,
    -0x1.36a5b5b2d9b05p-23, 0x1.9d1505ea443f5p-25, -0x1.1144e9397a2c1p-26, 0x1.6b89988bf7ca6p-28,
    -0x1.ffc6c1189a956p-30, 0x1.566e93b95af35p-31, -0x1.2e3c08d575abbp-33, 0x1.88aaf4b47f6b1p-35,
    -0x1.77c957753742cp-35, 0x1.fc1a5f2e103c9p-37};

// digamma(1 + w) / (1 + w - root) by (w - 5) / 2 (error 2^-58.7)
inline constexpr std::array<double, 24> kDigamma3{
    0x1.d7596e6f1e6e4p-57, 0x1.80f450eda0e5ap-2, -0x1.5f47a4ea99961p-4, 0x1.7e780f3ab942bp-6, -0x1.be76ee2dafbfep-8,
    0x1.0e99d5e49dc76p-9, -0x1.4fdcb4717fa03p-11, 0x1.a79ee5ea2bbp-13, -0x1.0e42612cb25bbp-14, 0x1.5bd2062129849p-16,
    -0x1.c29aba7e4e0c4p-18, 0x1.2563fe761a8cdp-19, -0x1.7f9e45bde9677p-21, 0x1.f741b890c13efp-23,
    -0x1.4b1e404fb313fp-24, 0x1.b4855b1944bfdp-26, -0x1.1e8624826c1c2p-27, 0x1.7ad45ee726e2ap-29,
    -0x1.09d3b0c613c4cp-30, 0x1.611fb6e4f3c11p-32, -0x1.30e8a6bb7ff6cp-34, 0x1.90a08888def77p-36,
    -0x1.83a749390253ap-36, 0x1.02fa8fb4a11c3p-37};

// (1 + w)^2 trigamma(1 + w) by (w - 0.5) / 0.5 (error 2^-60.7)
inline constexpr std::array<double, 21> kTrigamma1{
    -0x1.a6e16bf6fd084p-53, 0x1.0d3918bd83a69p1, 0x1.e1151b2c50aacp-2, 0x1.13938644c12c4p-7, -0x1.26f951ad306c3p-9,
    0x1.31427844e749ap-11, -0x1.32fab9648f57bp-13, 0x1.2d3ccf400e026p-15, -0x1.217189be74e39p-17,
    0x1.1119cac5bca14p-19, -0x1.fb4dd73eebce4p-22, 0x1.d0c441f922b69p-24, -0x1.a4c3e53e0134fp-26,
    0x1.78e2440b5053cp-28, -0x1.4dd1d5b504359p-30, 0x1.2730c9e86e17dp-32, -0x1.0c7c2aefd9f2p-34,
    0x1.b0bc024003551p-37, -0x1.a4bfda757b51cp-40, 0x1.ade34cea24c9ep-41, -0x1.c63343dc5b6b6p-42};

// (1 + w)^2 trigamma(1 + w) by (w - 2) / 1 (error 2^-60.3)
inline constexpr std::array<double, 21> kTrigamma2{
    0x1.c97f7927178f8p-55, 0x1.c6f6cba75a336p1, 0x1.f714bea23813ap-1, 0x1.670aa268de417p-8, -0x1.bc47131909285p-10,
    0x1.0eb99ac5b06f8p-11, -0x1.4559f9090882bp-13, 0x1.81ffb1e410fb5p-15, -0x1.c4905d9370d05p-17,
    0x1.066f5a5b93518p-18, -0x1.2d56d43f76252p-20, 0x1.56db34fb8cc7ap-22, -0x1.82d38d106bc7dp-24,
    0x1.b0e1fd26e9bc4p-26, -0x1.e0ec720bfdd02p-28, 0x1.0b91b88ebd03fp-29, -0x1.27a69e68c0527p-31,
    0x1.271be3cc8b363p-33, -0x1.3142b60e5fb32p-35, 0x1.0e20a24549728p-36, -0x1.3c60f0af23b91p-38};

// (1 + w)^2 trigamma(1 + w) by (w - 5) / 2 (error 2^-59.2)
inline constexpr std::array<double, 21> kTrigamma3{
    -0x1.58bda297d7e2ap-52, 0x1.a1c4a18c250aap2, 0x1.fdaafb2fd43a6p0, 0x1.87aee1048dc5cp-9, -0x1.ff551757d99b9p-11,
    0x1.4c1e98efe2a68p-12, -0x1.ad5e995844a37p-14, 0x1.14429b633af49p-15, -0x1.61e684cdee567p-17,
    0x1.c364aafcfa5c9p-19, -0x1.1eaa708dd75e1p-20, 0x1.6aa8211952f31p-22, -0x1.c9070a5d8ee28p-24,
    0x1.1e821d08bc3b5p-25, -0x1.65da20e0427d9p-27, 0x1.c66d67597a884p-29, -0x1.1e3b2f058319dp-30,
    0x1.2929c752a607fp-32, -0x1.4f68d16c7e2f8p-34, 0x1.a85c78253e109p-35, -0x1.1f12f08ad7b6ap-36};

// the positive zero of digamma, less 1
inline constexpr std::array<double, 2> kDigammaRoot{
    0x1.d8b618d5af8fep-2, -0x1.1e563779a1f5bp-56};

// log(2 pi) / 2 - 1 / 2
inline constexpr std::array<double, 2> kStirling{
    0x1.acfe390c97d69p-2, 0x1.3494bc9001442p-56};

// a (lgamma(a) - leading terms) by 1 / a^2, a >= 8 (error 2^-54.0)
inline constexpr std::array<double, 8> kLgammaSeries{
    0x1.5555555555555p-4, -0x1.6c16c16c06683p-9, 0x1.a01a009a2203ep-11, -0x1.3811f7802d026p-11, 0x1.b837e1f8ca508p-11,
    -0x1.c2bc1f8445673p-10, -0x1.7b876ef5c0facp-9, 0x1.2a45502bf3af6p-3};

// a^2 (log a - 1 / 2a - digamma a) by 1 / a^2 (error 2^-54.0)
inline constexpr std::array<double, 9> kDigammaSeries{
    0x1.5555555555555p-4, -0x1.111111110bbb3p-7, 0x1.041040cc03757p-8, -0x1.1110a0e5228fdp-8, 0x1.f00ddab09b43dp-8,
    -0x1.4adcac8496becp-6, 0x1.f246931374d61p-7, 0x1.207802331c195p1, -0x1.46d3cb6f6a6ep5};

// a^3 (trigamma(a) - 1 / a - 1 / 2a^2) by 1 / a^2 (error 2^-54.0)
inline constexpr std::array<double, 9> kTrigammaSeries{
    0x1.5555555555555p-3, -0x1.111111110e62ep-5, 0x1.86186169c9b9p-6, -0x1.1110f490316adp-5, 0x1.363f73759e3dcp-4,
    -0x1.0147a4feeec18p-2, 0x1.05c4f62f93f09p0, -0x1.25defc299bc6dp0, -0x1.b792bb0fd3cdcp5};

// erfinv(x) / x by (w - 2) / 2, w = -log(1 - x^2) in [0, 4] (error 2^-59.2)
inline constexpr std::array<double, 22> kErfinv0{
    0x1.45f51f1eb3fap-54, 0x1.60912d150286bp0, 0x1.ff8666bb1460ep-2, -0x1.01f7f04aa443fp-7, -0x1.bb9627a1f0fap-7,
    0x1.c4dab7c609b41p-9, 0x1.fcca0b2c0a8d2p-13, -0x1.471ec4d9d6005p-12, 0x1.5450991307eb9p-15, 0x1.289ea2a68af9ap-16,
    -0x1.bb1add985dc5p-18, -0x1.19d5dab61767bp-22, 0x1.432bf8cb749c3p-21, -0x1.7595604aa6156p-24,
    -0x1.30e14accb7b86p-25, 0x1.dc40c18365285p-27, 0x1.3c90f7ac2fc68p-31, -0x1.65a3ba25f39c3p-30,
    0x1.6181b59d2475p-33, 0x1.6d6ea6b46d865p-34, -0x1.3c9e309b9f21ap-36, -0x1.ad1f13c0fcc7dp-39};

// erfinv(x) - sqrt(w) by (sqrt(w) - 2.75) / 1, sqrt(w) in [2, 3.5] (error 2^-56.1)
inline constexpr std::array<double, 22> kErfinv1{
    -0x1.6cce80dddac94p-58, -0x1.56c9f46fa9491p-3, -0x1.842f36adbd25ep-10, 0x1.43fa080a32b49p-7,
    -0x1.345e2a88263c8p-8, 0x1.6138470bd7bd5p-10, -0x1.2cd808e7505f7p-14, -0x1.71ae65e8b1fa1p-13,
    0x1.a80a7a65b87abp-14, -0x1.02b20c5a6169ap-16, -0x1.a9000de59c4a5p-17, 0x1.24232fdc9b719p-17,
    -0x1.463981f762dc1p-20, -0x1.4cda21fc79eap-20, 0x1.9b6fd1789ef9ap-21, -0x1.3351f4a02b88cp-24,
    -0x1.0f1662cde715ap-23, 0x1.21207ebd6727ep-24, 0x1.11617d838b735p-31, -0x1.c934e7027561p-27,
    0x1.74f661410bddcp-29, 0x1.15aef7534ed7dp-30};

// erfinv(x) - sqrt(w) by (sqrt(w) - 4.75) / 2, sqrt(w) in [3.5, 6.1] (error 2^-55.9)
inline constexpr std::array<double, 22> kErfinv2{
    0x1.49c0527513908p-59, -0x1.38acfe37dde87p-3, 0x1.524ee707ea654p-6, 0x1.c8545cd1a5beep-13, -0x1.3fa760cc45e99p-9,
    0x1.b9e8f7776a949p-10, -0x1.d35782cee0de4p-11, 0x1.b8e313f56109p-12, -0x1.83fe1adecc393p-13,
    0x1.426fa3e42ea8bp-14, -0x1.f0c8879e4aff1p-16, 0x1.3e362cb58010fp-17, -0x1.1412e9ffdcb06p-20,
    -0x1.38d8bbfd8fd8cp-19, 0x1.b46b7d7f3adf3p-19, -0x1.8390d6e560aabp-19, 0x1.086e3e225e42ap-19,
    -0x1.123088e22f94ep-20, 0x1.f0adf80d63b23p-23, 0x1.3355689de7027p-22, -0x1.713ba74e607e9p-22,
    0x1.01aa98b5c08e2p-23};

// the first, for float32 (error 2^-37.2)
inline constexpr std::array<double, 13> kErfinvF32{
    0x1.60912d1508313p0, 0x1.ff8666bcaf5d4p-2, -0x1.01f7f129a6863p-7, -0x1.bb962d70657dep-7, 0x1.c4dae51b4ca9fp-9,
    0x1.fcd5f620b39p-13, -0x1.4725c01b97cfep-12, 0x1.53a96b031e616p-15, 0x1.29a743e487d06p-16, -0x1.b232cc2e3a039p-18,
    -0x1.6b6c70fc1a4edp-22, 0x1.0888a360aa50ep-21, -0x1.4d9b019a52272p-25};

// erfinv(x) - sqrt(w) by (sqrt(w) - 3) / 1, sqrt(w) in [2, 4.1] (error 2^-30.8)
inline constexpr std::array<double, 13> kErfinvTailF32{
    -0x1.566be9ba334ep-3, 0x1.5cf6b25bd6cc1p-9, 0x1.c08206f9ef995p-8, -0x1.c38b09fb7b712p-9, 0x1.2b7c2a622e777p-10,
    -0x1.d0621d1fe085p-13, -0x1.32e0ddc416517p-15, 0x1.da69b35abae42p-15, -0x1.95a2cc004e00cp-16,
    0x1.8a253042d7dfdp-20, 0x1.cf39a735c879ep-19, -0x1.4749b5aef9efbp-20, 0x1.9fff6386a660dp-26};

// I0(a) by a^2, a in [0, 3] (error 2^-59.7)
inline constexpr std::array<double, 12> kBesselI0A{
    0x1.35103cd7e23p-60, 0x1p0, 0x1.fffffffffffffp-3, 0x1.000000000002ap-6, 0x1.c71c71c71b22ep-12,
    0x1.c71c71c76fc4cp-18, 0x1.2345677dd23bbp-24, 0x1.02e85e1a2e5c8p-31, 0x1.5229ceafc8a1ap-39, 0x1.523ac5688d52bp-47,
    0x1.09c3c52830bf4p-55, 0x1.793bceda00efcp-64};

// exp(-a) I0(a) sqrt(a) by a - 5.5, a in [3, 8] (error 2^-60.3)
inline constexpr std::array<double, 28> kBesselI0B{
    0x1.362741659ad9p-59, 0x1.a305321dcf5bep-2, -0x1.1ad73a035da2cp-9, 0x1.e9ae67f16a7e1p-12, -0x1.b1b123d2f18d6p-14,
    0x1.80045075fac8bp-16, -0x1.481945205709ep-18, 0x1.046302aa2d4eap-20, -0x1.71623bfd0d52ap-23,
    0x1.bc62f8f80b926p-26, -0x1.8fe39a55a3c13p-29, 0x1.d3357ce244824p-34, 0x1.0c507d537463dp-34,
    -0x1.a292d7301690fp-36, 0x1.a4abf1826775fp-38, -0x1.5f6e324dcb14fp-40, 0x1.06b1614343889p-42,
    -0x1.6d443ca357621p-45, 0x1.eab63eca0721dp-48, -0x1.3da2dc4b453c6p-50, 0x1.64b11ad825c58p-53,
    -0x1.a53c564dd6d1cp-56, 0x1.ce5acfea9032dp-58, -0x1.4e61e1f24cd9fp-60, -0x1.23cb65dd976c9p-64,
    0x1.4eb7b74a78f2ep-66, 0x1.7cf6174bb2511p-67, -0x1.17c19c0e37fdbp-69};

// exp(-a) I0(a) sqrt(a) by 16 / a - 1, a >= 8 (error 2^-60.0)
inline constexpr std::array<double, 28> kBesselI0C{
    -0x1.d12c493e667f8p-56, 0x1.9bd428ad249a5p-2, 0x1.b87969bb93bc4p-9, 0x1.1daa72b5e647cp-13, 0x1.75e5ee7002621p-17,
    0x1.8e513a0dcf1cfp-20, 0x1.3f49ade248184p-22, 0x1.7d0f9db279ea6p-24, 0x1.51cbbd8959c1p-25, 0x1.721ab2107c9c8p-26,
    0x1.03ea65e947e2fp-27, -0x1.cd253a711feabp-28, -0x1.ce66ee8cd187dp-27, -0x1.7e82bd177c4b2p-28,
    0x1.08ebe5741ae77p-27, 0x1.0f7d2653f232ep-27, -0x1.0877cf6d4f387p-28, -0x1.d9b4452811cbap-28,
    0x1.163085bca47eep-29, 0x1.5275afc840e48p-28, -0x1.2547d1a471ee9p-30, -0x1.821b52d392013p-29,
    0x1.fe71ef6f0c9b6p-32, 0x1.40f7f5880b2dp-30, -0x1.25a57fb648ae9p-33, -0x1.51d93351eee4p-32, 0x1.3edbb58fb8b19p-36,
    0x1.4d4825a9e756cp-35};

// exp(-a) I0(a) by (a - 3) / 3, a in [0, 6] (error 2^-32.1)
inline constexpr std::array<double, 18> kBesselI0SmallF32{
    0x1.f1aa2b71f9f02p-3, -0x1.1bb0db76110fep-3, 0x1.ecd77c089dc46p-4, -0x1.cf2c18345e105p-4, 0x1.aa160cdf8a14ep-4,
    -0x1.6dd6b0527dep-4, 0x1.1f380a2f219c7p-4, -0x1.99e7c2f829b54p-5, 0x1.0a1ed5bcb7ddp-5, -0x1.3b2b8ec696b42p-6,
    0x1.55644f95a9647p-7, -0x1.57b451637c7fep-8, 0x1.48407a28e90ep-9, -0x1.158077158f588p-10, 0x1.77a2abc82f342p-12,
    -0x1.3bdb3c92d1003p-13, 0x1.83e29212a29aap-14, -0x1.d08d1a31e8986p-16};

// exp(-a) I0(a) sqrt(a) by 12 / a - 1, a >= 6 (error 2^-42.6)
inline constexpr std::array<double, 18> kBesselI0LargeF32{
    0x1.9cfde3ab6be4fp-2, 0x1.2dee2710866cdp-8, 0x1.14c9053c6c14fp-12, 0x1.0d398ebc3da7ap-15, 0x1.d1eda85d1f58ap-18,
    0x1.57c120a6a9a2cp-19, 0x1.59e4830346b7ep-20, 0x1.7a3cb896743ap-22, -0x1.1b4c565b522eap-21,
    -0x1.75a7929d8e1f3p-21, -0x1.3ce3a7121c6bp-29, 0x1.ead606c317629p-22, 0x1.7344a7cbb002bp-24,
    -0x1.ea67b4d49b16ep-23, -0x1.7e41a760a4e38p-25, 0x1.4d348ecca232dp-24, 0x1.2ea9dfd5711bfp-27,
    -0x1.b4324e04d9b7fp-27};

// I1(a) / a by a^2, a in [0, 3] (error 2^-62.2)
inline constexpr std::array<double, 12> kBesselI1A{
    0x1.22f8693cf5cp-64, 0x1p-1, 0x1p-4, 0x1.5555555555559p-9, 0x1.c71c71c71c3abp-15, 0x1.6c16c16c28cfep-21,
    0x1.845c8a06ebaffp-28, 0x1.27e4fc9cae55dp-35, 0x1.5229fee0506f8p-43, 0x1.2ca18181cf2d9p-51, 0x1.a9b156a2b81a8p-60,
    0x1.0fb187b15d194p-68};

// exp(-a) I1(a) sqrt(a) by a - 5.5, a in [3, 8] (error 2^-61.8)
inline constexpr std::array<double, 28> kBesselI1B{
    -0x1.6a3032a8e3d8p-58, 0x1.7ab7c4ece4527p-2, 0x1.77e846d87aab6p-8, -0x1.2dbf7589667b5p-10, 0x1.ed916a92aafe8p-13,
    -0x1.9787e3e8602d1p-15, 0x1.4d0c0bfc663a8p-17, -0x1.06be47ed26a5dp-19, 0x1.86c6029049e6p-22,
    -0x1.0c65a28b1ee53p-24, 0x1.4e044633ddbc2p-27, -0x1.6f261f7d747c8p-30, 0x1.52eb6db4cebf5p-33,
    -0x1.c133ce832b1c3p-37, 0x1.6e4ce25162649p-44, 0x1.28e2d1f101a29p-42, -0x1.5477aa53096e1p-44,
    0x1.16823edef4e6cp-46, -0x1.8b5d2714045ebp-49, 0x1.ffcd2f0fda9a4p-52, -0x1.2611cbbc2e084p-54,
    0x1.5805e68c316c3p-57, -0x1.1dc4546450a94p-59, 0x1.61e476d5e4946p-62, 0x1.8ee273122afdp-68,
    -0x1.f313b4ab13097p-70, -0x1.5988ce8faff9p-69, 0x1.c088f093a352bp-72};

// exp(-a) I1(a) sqrt(a) by 16 / a - 1, a >= 8 (error 2^-59.9)
inline constexpr std::array<double, 28> kBesselI1C{
    -0x1.5a3d00c0163ap-58, 0x1.8ebe783a8403p-2, -0x1.3f796198ee63bp-7, -0x1.cbc54df1ecd99p-13, -0x1.f89c23049c659p-17,
    -0x1.ec8e100781251p-20, -0x1.76138527f17a7p-22, -0x1.ad8de03067918p-24, -0x1.7277872780dd5p-25,
    -0x1.9176a53be4c7ap-26, -0x1.21e49a4ff2941p-27, 0x1.cc244eda14968p-28, 0x1.e3c810825fa2p-27,
    0x1.a615d3ca8beb2p-28, -0x1.0ba89cd5895d5p-27, -0x1.1fda855f191eep-27, 0x1.0173e71f80999p-28,
    0x1.f022a90d81928p-28, -0x1.066c980b69d89p-29, -0x1.60ca4b3bf670fp-28, 0x1.1097248e4470ap-30,
    0x1.91dbf7695531p-29, -0x1.d9309c4bd1869p-32, -0x1.4e14e35a0c2d1p-30, 0x1.109987313616dp-33,
    0x1.5ff07ddfe6889p-32, -0x1.28825c65c7d69p-36, -0x1.5b9ff502772c4p-35};

// exp(-a) I1(a) / a by (a - 3) / 3, a in [0, 6] (error 2^-33.4)
inline constexpr std::array<double, 18> kBesselI1SmallF32{
    0x1.0cbbec2dff9edp-4, -0x1.5c5745fdf233dp-4, 0x1.663b141ec2f66p-4, -0x1.434015d69a3e3p-4, 0x1.0608da0515663p-4,
    -0x1.80fd3a6de8adcp-5, 0x1.01aaad6f39e8fp-5, -0x1.3bb35c823b91ap-6, 0x1.63ac403ef1e68p-7, -0x1.71e6f7d71e972p-8,
    0x1.6481378618673p-9, -0x1.418dc52c517a3p-10, 0x1.11bdddca7fafdp-11, -0x1.a572b26b3336cp-13,
    0x1.1a20dc47bc814p-14, -0x1.bcc195be4f074p-16, 0x1.b5d9f2c3493fbp-17, -0x1.c71e2fd00645ep-19};

// exp(-a) I1(a) sqrt(a) by 12 / a - 1, a >= 6 (error 2^-42.5)
inline constexpr std::array<double, 18> kBesselI1LargeF32{
    0x1.8b640021ed32fp-2, -0x1.b0954c2034e89p-7, -0x1.b7487909aa164p-12, -0x1.6553cc46d3f48p-15,
    -0x1.19eeac51f5af6p-17, -0x1.8904e1d7bfc1cp-19, -0x1.829dd1c39e204p-20, -0x1.bfb20e9772a39p-22,
    0x1.203edb39e3e26p-21, 0x1.90abdaa71f0d9p-21, 0x1.d27cb8b0413a7p-26, -0x1.0032191c7f767p-21,
    -0x1.bd26c9ed551dap-24, 0x1.fa20b4bb4f1cap-23, 0x1.b6413ece88d01p-25, -0x1.56a6452f59f93p-24,
    -0x1.55d2e2f1a2abbp-27, 0x1.c0834f3fb22fp-27};

}  // namespace tandem::math
